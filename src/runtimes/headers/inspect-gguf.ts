import type { ModelFile, ModelMetadata, TextTask } from "../types.ts";
import { broken, shown } from "./fault.ts";
import type { GgufHeader } from "./gguf.ts";

export interface GgufFile {
  readonly file: ModelFile;
  readonly header: GgufHeader;
}

/** A model in one GGUF file, or in several that name their number. */
export interface GgufModel {
  readonly metadata: ModelMetadata;
  /** The first one is what llama.cpp opens. */
  readonly files: readonly ModelFile[];
}

/** Parts are found by these names. @see llama.cpp: `llama_split_path` */
const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s;
const EMBEDS: readonly TextTask[] = ["embedding"];
const WRITES: readonly TextTask[] = ["completion", "embedding"];
const CHATS: readonly TextTask[] = ["completion", "chat", "embedding"];
/** Eyes and ears for another model. */
const PROJECTOR = "clip";

/**
 * The model among GGUF files: of several the largest, as the others then are what accompanies it (draft heads, projectors).
 *
 * @returns Undefined when all of them only accompany a model.
 * @throws {LarderError} MODEL_BROKEN when a part is missing, has a name by which it is not found, or repeats a tensor.
 */
export function findGgufModel(files: readonly GgufFile[]): GgufModel | undefined {
  const models = groupParts(files).filter(isModel).map(toModel);
  return models.sort((a, b) => b.metadata.weightBytes - a.metadata.weightBytes)[0];
}

/** Each model as its files in order. */
function groupParts(files: readonly GgufFile[]): GgufFile[][] {
  const groups = new Map<string, GgufFile[]>();
  for (const one of files) {
    const key = one.header.split === null ? one.file.path : partPrefix(one.file, one.header.split);
    groups.set(key, [...groups.get(key) ?? [], one]);
  }
  return [...groups.values()].map(inOrder);
}

function partPrefix({ path }: ModelFile, { index, count }: NonNullable<GgufHeader["split"]>): string {
  const [, prefix, number, total] = PART.exec(path) ?? [];
  if (prefix === undefined || Number(number) !== index + 1 || Number(total) !== count) {
    throw broken(path, `it is part ${index + 1} of ${count}, and is not named so`);
  }
  return `${prefix}-of-${count}`;
}

function inOrder(group: readonly GgufFile[]): GgufFile[] {
  const parts = group.toSorted((a, b) => (a.header.split?.index ?? 0) - (b.header.split?.index ?? 0));
  const [first] = parts;
  const split = first?.header.split;
  if (first === undefined || split === undefined || split === null) return parts;
  const hole = parts.findIndex((part, i) => part.header.split?.index !== i);
  if (hole !== -1 || parts.length !== split.count) {
    throw broken(
      first.file.path,
      `part ${(hole === -1 ? parts.length : hole) + 1} of ${split.count} is missing`,
    );
  }
  checkTensors(first, parts, split.tensors);
  return parts;
}

function checkTensors(first: GgufFile, parts: readonly GgufFile[], expected: number | null): void {
  const names = new Set<string>();
  for (const { name } of parts.flatMap((part) => part.header.tensors)) {
    if (names.has(name)) throw broken(first.file.path, `the tensor ${shown(name)} is in two of its parts`);
    names.add(name);
  }
  if (expected !== null && names.size !== expected) {
    throw broken(first.file.path, `its parts have ${names.size} tensors, and should have ${expected}`);
  }
}

/** As the runtime decides it when it loads the model. */
function tasksOf({ isCausal, hasChatTemplate }: GgufHeader): readonly TextTask[] {
  if (!isCausal) return EMBEDS;
  return hasChatTemplate ? CHATS : WRITES;
}

function isModel([first]: readonly GgufFile[]): boolean {
  const { architecture = null, kind = null } = first?.header ?? {};
  return architecture !== null && architecture !== PROJECTOR && (kind === null || kind === "model");
}

function toModel(parts: readonly GgufFile[]): GgufModel {
  const headers = parts.map((part) => part.header);
  const sum = (take: (header: GgufHeader) => number) =>
    headers.reduce((total, header) => total + take(header), 0);
  const [first] = headers;
  return {
    files: parts.map((part) => part.file),
    metadata: {
      runtime: "gguf",
      architecture: first?.architecture ?? null,
      parameters: sum((header) => header.parameters) || null,
      contextLength: first?.contextLength ?? null,
      quantization: first?.quantization ?? null,
      tasks: first === undefined ? [] : tasksOf(first),
      inputs: [],
      outputs: [],
      weightBytes: sum((header) => header.weightBytes),
    },
  };
}
