import { posix } from "node:path";
import type { ModelFile } from "../types.ts";
import { withReader } from "./byte-reader.ts";

/** What a `config.json` says of the model beside it. */
export interface ConfigFacts {
  readonly architecture: string | null;
  readonly contextLength: number | null;
  /** `gptq-4bit`, `mlx-4bit`, …; null when the weights are stored plainly, or nothing is said. */
  readonly quantization: string | null;
}

export const NO_FACTS: ConfigFacts = { architecture: null, contextLength: null, quantization: null };

const CONFIG = "config.json";
const CONFIG_BYTES_MAX = 2 ** 20;
const DEPTH_MAX = 100;
const CONTEXT_KEYS = ["max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length"];

/** Reads the `config.json` beside a file, or in a folder above it: the nearest one. What cannot be right is null. */
export async function readConfigFacts(files: readonly ModelFile[], path: string): Promise<ConfigFacts> {
  const file = nearest(files, path);
  const config = file === undefined ? undefined : await readJson(file, CONFIG_BYTES_MAX);
  return isObject(config) ? toFacts(config) : NO_FACTS;
}

/**
 * A file as JSON.
 *
 * @returns Undefined when it is longer than allowed or nested too deep, so that nothing of that kind is ever parsed; or no JSON.
 */
export async function readJson(file: ModelFile, bytesMax: number): Promise<unknown> {
  if (file.sizeBytes > bytesMax) return undefined;
  const bytes = await withReader(file, (reader) => reader.read(0, reader.sizeBytes));
  if (isDeep(bytes)) return undefined;
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Counts brackets wherever they are: real files have a few, in strings too. */
function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) depth++;
    else if (byte === 0x5d || byte === 0x7d) depth--;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nearest(files: readonly ModelFile[], path: string): ModelFile | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const names = path.split("/").slice(0, -1);
  const folders = names.map((_, i) => names.slice(0, names.length - i).join("/"));
  return [...folders, ""].map((folder) => byPath.get(posix.join(folder, CONFIG))).find((file) =>
    file !== undefined
  );
}

function toFacts(config: Record<string, unknown>): ConfigFacts {
  const parts = [config, config["text_config"]].filter(isObject);
  const [architecture] = Array.isArray(config["architectures"]) ? config["architectures"] : [];
  return {
    architecture: plainName(architecture) ?? plainName(config["model_type"]),
    contextLength: parts.flatMap((part) => CONTEXT_KEYS.map((key) => part[key])).find(isCount) ?? null,
    quantization: parts.map(quantizationOf).find((one) => one !== null) ?? null,
  };
}

/** Transformers names a method; mlx-lm writes the bits and the size of a group, and no method. */
function quantizationOf(config: Record<string, unknown>): string | null {
  for (const recipe of [config["quantization_config"], config["quantization"]].filter(isObject)) {
    const bits = isCount(recipe["bits"]) ? `-${recipe["bits"]}bit` : "";
    const method = plainName(recipe["quant_method"])?.toLowerCase() ??
      (isCount(recipe["group_size"]) ? "mlx" : null);
    if (method !== null) return `${method}${bits}`;
  }
  return null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/** A name that may be shown. */
function plainName(value: unknown): string | null {
  return typeof value === "string" && /^[\w .-]{1,128}$/.test(value) ? value : null;
}
