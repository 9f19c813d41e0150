import { type ErrorCode, isLarderError } from "../core/index.ts";
import { readGgufHeader } from "./gguf-header.ts";
import { isIndex } from "./safetensors-components.ts";
import {
  countTensors,
  headerLength,
  isObject,
  LENGTH_BYTES,
  parametersOf,
  readObject,
  type TensorCount,
} from "./safetensors-header.ts";
import type { HubClient, HubVariant, ModelFacts, RepoListing } from "./types.ts";
import { byCodeUnit, folderOf, joinPath } from "./variant-draft.ts";

const GGUF_START_BYTES = 2 ** 20;
const GGUF_GROWTH = 4;
const GGUF_BYTES_MAX = 64 * 2 ** 20;
const CONFIG_BYTES_MAX = 2 ** 20;
const INDEX_BYTES_MAX = 16 * 2 ** 20;
/** Files whose headers are read for one variant. */
const HEADERS_MAX = 8;

/** Files that the hub does not give: their facts stay unknown, and that is no failure. */
const WITHHELD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "HUB_GATED",
  "HUB_FILE_NOT_FOUND",
  "UPSTREAM_FORBIDDEN",
]);

const CONTEXT_KEYS = ["max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length"];
const NO_FACTS: ModelFacts = { architecture: null, parameters: null, contextLength: null };

/** Reads parts of the files of one listing; undefined for what the hub withholds. */
type Read = (path: string, start: number, end: number) => Promise<Uint8Array | undefined>;

interface Source {
  readonly read: Read;
  readonly sizeOf: (path: string) => number;
}

/**
 * What `config.json` and the headers of the weights tell of a variant: for GGUF the header alone. Only headers are fetched, of
 * at most eight files; more shards are counted only when their index has the sum. Whatever the files hold, what cannot be right is null.
 *
 * @throws {LarderError} As {@link HubClient.read}, but for files that are gated, forbidden or missing.
 */
export async function readFacts(
  client: Pick<HubClient, "read">,
  listing: RepoListing,
  variant: HubVariant,
  signal?: AbortSignal,
): Promise<ModelFacts> {
  const sizes = new Map(listing.files.map((file) => [file.path, file.sizeBytes]));
  const source: Source = {
    sizeOf: (path) => sizes.get(path) ?? 0,
    read: (path, start, end) => readGiven(client, listing, path, { start, end }, signal),
  };
  if (variant.format === "gguf") return await ggufFacts(source, variant.weightFiles);
  const facts = await configFacts(source, variant);
  const isSafe = variant.weightFiles.length > 0 &&
    variant.weightFiles.every((path) => path.endsWith(".safetensors"));
  return isSafe ? { ...facts, parameters: await safetensorsParameters(source, variant) } : facts;
}

async function readGiven(
  client: Pick<HubClient, "read">,
  listing: RepoListing,
  path: string,
  range: { start: number; end: number },
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (range.end <= range.start) return new Uint8Array();
  try {
    return await client.read(listing, path, { range, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (isLarderError(error) && WITHHELD.has(error.code)) return undefined;
    throw error;
  }
}

/** The first file of a split knows the model, each file its own tensors. */
async function ggufFacts(source: Source, paths: readonly string[]): Promise<ModelFacts> {
  const [first] = paths;
  if (first === undefined) return NO_FACTS;
  const { declared: said, ...facts } = await ggufFile(source, first);
  // No quantization has less than one bit per weight.
  const isPlausible = said !== null && said <= 8 * paths.reduce((sum, path) => sum + source.sizeOf(path), 0);
  const declared = isPlausible ? said : null;
  if (declared !== null || paths.length === 1 || paths.length > HEADERS_MAX || facts.parameters === null) {
    return { ...facts, parameters: declared ?? (paths.length === 1 ? facts.parameters : null) };
  }
  let sum = facts.parameters;
  for (const path of paths.slice(1)) {
    const { parameters } = await ggufFile(source, path);
    if (parameters === null) return { ...facts, parameters: null };
    sum += parameters;
  }
  return { ...facts, parameters: sum };
}

async function ggufFile(
  source: Source,
  path: string,
): Promise<ModelFacts & { readonly declared: number | null }> {
  const fileBytes = source.sizeOf(path);
  const most = Math.min(fileBytes, GGUF_BYTES_MAX);
  let bytes: Uint8Array = new Uint8Array();
  for (let wanted = GGUF_START_BYTES;; wanted *= GGUF_GROWTH) {
    const end = Math.min(wanted, most);
    const more = await source.read(path, bytes.byteLength, end);
    if (more === undefined) return { ...NO_FACTS, declared: null };
    bytes = Buffer.concat([bytes, more]);
    const { facts, needBytes } = readGgufHeader(bytes, fileBytes);
    const isEnough = needBytes === undefined || needBytes > most || bytes.byteLength < end;
    if (isEnough) return facts;
  }
}

async function configFacts(source: Source, variant: HubVariant): Promise<ModelFacts> {
  const config = await readSmall(source, variant, "config.json");
  if (config === undefined) {
    const pipeline = await readSmall(source, variant, "model_index.json");
    return { ...NO_FACTS, architecture: plainText(pipeline?.["_class_name"]) };
  }
  const text = isObject(config["text_config"]) ? config["text_config"] : {};
  const [architecture] = Array.isArray(config["architectures"]) ? config["architectures"] : [];
  const contextLength = [config, text].flatMap((part) => CONTEXT_KEYS.map((key) => part[key])).find(isCount);
  return {
    architecture: plainText(architecture) ?? plainText(config["model_type"]),
    parameters: null,
    contextLength: contextLength ?? null,
  };
}

/** A JSON object of this name beside the weights, in a folder above them, or at the root: the nearest to the root. */
async function readSmall(
  source: Source,
  { files, weightFiles }: HubVariant,
  name: string,
): Promise<Record<string, unknown> | undefined> {
  const folder = folderOf(weightFiles[0] ?? "");
  const parts = folder.split("/");
  const folders = ["", ...parts.map((_, index) => parts.slice(0, index + 1).join("/"))];
  const path = folders.map((one) => joinPath(one, name)).find((one) => files.includes(one));
  return path === undefined ? undefined : await readJsonFile(source, path, CONFIG_BYTES_MAX);
}

async function safetensorsParameters(source: Source, variant: HubVariant): Promise<number | null> {
  const paths = variant.weightFiles.toSorted(byCodeUnit);
  const indexes = variant.files.filter(isIndex);
  const [index] = indexes;
  const hasOneIndex = index !== undefined && indexes.length === 1 &&
    paths.every((path) => folderOf(path) === folderOf(index));
  if (paths.length > 1 && hasOneIndex) {
    const metadata = (await readJsonFile(source, index, INDEX_BYTES_MAX))?.["metadata"];
    const total = isObject(metadata) ? metadata["total_parameters"] : undefined;
    if (isCount(total)) return total;
  }
  if (paths.length > HEADERS_MAX) return null;
  const counts: TensorCount[] = [];
  for (const path of paths) {
    const count = await safetensorsFile(source, path);
    if (count === undefined) return null;
    counts.push(count);
  }
  return parametersOf(counts, paths.reduce((sum, path) => sum + source.sizeOf(path), 0));
}

async function safetensorsFile({ read, sizeOf }: Source, path: string): Promise<TensorCount | undefined> {
  const fileBytes = sizeOf(path);
  const prefix = await read(path, 0, Math.min(LENGTH_BYTES, fileBytes));
  const length = prefix && headerLength(prefix, fileBytes);
  if (length === undefined) return undefined;
  const header = await read(path, LENGTH_BYTES, LENGTH_BYTES + length);
  return header?.byteLength === length ? countTensors(header) : undefined;
}

async function readJsonFile(
  { read, sizeOf }: Source,
  path: string,
  bytesMax: number,
): Promise<Record<string, unknown> | undefined> {
  const sizeBytes = sizeOf(path);
  if (sizeBytes > bytesMax) return undefined;
  const bytes = await read(path, 0, sizeBytes);
  return bytes && readObject(bytes);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/** A name that may be shown. */
function plainText(value: unknown): string | null {
  return typeof value === "string" && /^[\w .-]{1,128}$/.test(value) ? value : null;
}
