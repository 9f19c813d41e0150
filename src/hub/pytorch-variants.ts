import { readShard, type Shard, wholeSets } from "./shards.ts";
import { folderOf, type FormatFind, groupBy, joinPath, nameOf } from "./variant-draft.ts";

/** `.bin` says little: these are the names that Transformers, Diffusers and PEFT give to pickled weights. */
const BIN_NAMES = ["pytorch_model", "adapter_model", "pytorch_lora_weights"];
const PICKLE = /\.(?:pt|pth|ckpt)$/;
const EXTENSION = /\.(?:bin|pt|pth|ckpt)$/;
const INDEX = /\.bin\.index(?:\.[a-z0-9]+)?\.json$/;

interface Pickle {
  readonly path: string;
  readonly shard: Shard;
}

/**
 * The pickled weights of a repository are one variant, but for those that lie there as safetensors too. Beside other formats, what is
 * pickled and has no name of a model (`speakers.pt`) is taken for a part of every variant.
 *
 * @param hasOthers Whether the repository has variants of other formats.
 */
export function pytorchVariants(paths: readonly string[], hasOthers: boolean): FormatFind {
  const safe = new Set(paths.filter((path) => path.endsWith(".safetensors")).map(modelOf));
  const pickles = paths.filter(isPickle);
  const own = pickles.filter((path) => !safe.has(modelOf(path)));
  const weightFiles = usable(hasOthers ? own.filter(isMain) : own);
  const companions = new Set(hasOthers ? own.filter((path) => !isMain(path)) : []);
  const indexes = paths.filter((path) => INDEX.test(path));
  const taken = new Set([...pickles.filter((path) => !companions.has(path)), ...indexes]);
  if (weightFiles.length === 0) return { drafts: [], taken };
  const draft = {
    name: "pytorch",
    format: "pytorch",
    quantization: null,
    weightFiles,
    ownFiles: indexes,
  } as const;
  return { drafts: [draft], taken };
}

function isPickle(path: string): boolean {
  return PICKLE.test(path) ||
    (path.endsWith(".bin") && BIN_NAMES.some((part) => nameOf(path).includes(part)));
}

/** A checkpoint is a whole model. */
function isMain(path: string): boolean {
  return path.endsWith(".ckpt") || (path.endsWith(".bin") && nameOf(path).includes("pytorch_model"));
}

/** The same for `pytorch_model-00001-of-00002.bin` and `model.safetensors` of one folder: what both are forms of. */
function modelOf(path: string): string {
  const stem = nameOf(path).replace(/\.(?:safetensors|bin|pt|pth|ckpt)$/, "");
  const base = (readShard(stem)?.base ?? stem).replace(/\.(?:fp16|bf16|fp32)$/, "").replace(
    "pytorch_model",
    "model",
  );
  return joinPath(folderOf(path), base);
}

/** Without parts of files that are not all there. */
function usable(paths: readonly string[]): string[] {
  const parts = paths.flatMap((path): Pickle[] => {
    const shard = readShard(nameOf(path).replace(EXTENSION, ""));
    return shard === undefined ? [] : [{ path, shard }];
  });
  const whole = [...groupBy(parts, ({ path, shard }) => joinPath(folderOf(path), shard.base)).values()]
    .flatMap((same) => wholeSets(same)[0] ?? []);
  const isPart = new Set(parts.map((part) => part.path));
  return [...paths.filter((path) => !isPart.has(path)), ...whole.map((part) => part.path)];
}
