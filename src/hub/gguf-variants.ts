import { readShard, type Shard, wholeSets } from "./shards.ts";
import {
  byCodeUnit,
  folderOf,
  type FormatFind,
  groupBy,
  nameOf,
  type VariantDraft,
} from "./variant-draft.ts";
import { fitName } from "./variant-names.ts";

const EXTENSION = /\.gguf$/i;
/** Pieces that have to be joined by hand before any engine reads them: `x.gguf.part1of2`, `x.gguf-split-a`. */
const LOOSE_PIECE = /\.gguf[.-](?:part|split)/i;

/** Accessories of a model. llama.cpp looks for these letters in the file's name (`gguf_filename_is_model`), case and all. */
const SIDECAR = /mmproj|imatrix|mtp-|eagle3-|dflash-|dspark-/;
const SIDECAR_FOLDER = /(?:^|\/)(?:mmproj|mtp|eagle3|dflash|dspark)\//i;

/**
 * Names of quantizations, longest first: llama.cpp's file types, the sizes that publishers mix from them (`Q4_K_XL`, `Q2_K_L`) and
 * the types of ik_llama.cpp (`IQ4_KS`, `Q4_K_R4`). `UD-` marks a recipe of its own and belongs to the name.
 */
const QUANTIZATION =
  /(?<![A-Z0-9])(?:UD-)?(?:I?Q[1-9]_K(?:_(?:XXS|XS|S|M|L|XL|XXL|P))?(?:_R[48])?|IQ[1-9]_(?:XXS|XS|XL|NL|KSS|KS|KT|KL|S|M|L)(?:_(?:[48]_[48]|R[48]|XL|L|M))?|Q[1-9]_[01](?:_(?:[48]_[48]|R[48]|XS|XL|S|M|L))?|TQ[12]_0|MXFP4_MOE|MXFP[468]|NVFP4|Q[1-9]|BF16|FP?(?:16|32))(?![A-Z0-9])/gi;

interface GgufFile {
  readonly path: string;
  readonly base: string;
  readonly quantization: string | null;
  readonly shard: Shard | undefined;
}

interface GgufModel {
  readonly folder: string;
  readonly base: string;
  readonly quantization: string | null;
  readonly weightFiles: readonly string[];
}

/** True for what accompanies a GGUF model without being one: projectors, importance matrices, draft heads. */
export function isGgufSidecar(path: string): boolean {
  const name = nameOf(path);
  if (!EXTENSION.test(name)) return /imatrix/i.test(name);
  return SIDECAR.test(name) || SIDECAR_FOLDER.test(path);
}

/**
 * One variant per quantization; the files of a split are one variant, and a split with a hole is none. When two models of a
 * repository have the same quantization, the name of each goes before it.
 */
export function ggufVariants(paths: readonly string[]): FormatFind {
  const taken = paths.filter((path) => EXTENSION.test(path) || LOOSE_PIECE.test(nameOf(path)));
  const models = joinSplits(taken.filter((path) => EXTENSION.test(path)).map(readGguf));
  const drafts = [...groupBy(models, (model) => model.quantization)].flatMap(([, same]) => nameModels(same));
  return { drafts, taken: new Set(taken) };
}

/** The quantization that a path tells, in llama.cpp's spelling: the last one in the name, else in the nearest folder. */
export function quantizationOf(path: string): string | null {
  for (const part of path.replace(EXTENSION, "").split("/").reverse()) {
    const found = lastQuantization(part);
    if (found !== undefined) return found.quantization;
  }
  return null;
}

function lastQuantization(text: string): { quantization: string; start: number; end: number } | undefined {
  const match = [...text.matchAll(QUANTIZATION)].at(-1);
  if (match === undefined) return undefined;
  const quantization = match[0].toUpperCase().replace(/^FP(?=16|32)/, "F");
  return { quantization, start: match.index, end: match.index + match[0].length };
}

function readGguf(path: string): GgufFile {
  const stem = nameOf(path).replace(EXTENSION, "");
  const shard = readShard(stem);
  const whole = shard?.base ?? stem;
  const found = lastQuantization(whole);
  const base = found === undefined
    ? whole
    : whole.slice(0, found.start).replace(/[._-]+$/, "") + whole.slice(found.end);
  return { path, base, quantization: found?.quantization ?? quantizationOf(folderOf(path)), shard };
}

function joinSplits(files: readonly GgufFile[]): GgufModel[] {
  const key = ({ path, shard }: GgufFile) =>
    JSON.stringify(shard === undefined ? [path] : [folderOf(path), shard.base, shard.total]);
  return [...groupBy(files, key).values()].flatMap((group) => {
    const parts = group.flatMap((file) => file.shard === undefined ? [] : [{ ...file, shard: file.shard }]);
    const sets = parts.length === 0 ? [group] : wholeSets(parts);
    return sets.flatMap((set) => toModel(set));
  });
}

function toModel(files: readonly GgufFile[]): GgufModel[] {
  const [first] = files;
  if (first === undefined) return [];
  const { path, base, quantization } = first;
  return [{ folder: folderOf(path), base, quantization, weightFiles: files.map((file) => file.path) }];
}

/** @param same All models of one quantization. */
function nameModels(same: readonly GgufModel[]): VariantDraft[] {
  const sorted = same.toSorted((a, b) => byCodeUnit(a.weightFiles[0] ?? "", b.weightFiles[0] ?? ""));
  const perBase = groupBy(sorted, (model) => model.base);
  return sorted.map((model) => {
    const { base, folder, quantization, weightFiles } = model;
    const alone = (perBase.get(base)?.length ?? 0) === 1;
    const longName = alone ? base : [nameOf(folder), base].filter((part) => part !== "").join("-");
    const name = quantization === null
      ? fitName(longName)
      : same.length === 1
      ? quantization
      : fitName(longName, quantization);
    return { name, format: "gguf", quantization, weightFiles };
  });
}
