import { readShard, type Shard, wholeSets } from "./shards.ts";
import { folderOf, groupBy, joinPath, nameOf } from "./variant-draft.ts";

/** One network of a model, in one or more data types: `unet/diffusion_pytorch_model`. */
export interface Component {
  readonly folder: string;
  /** Files by the data type that their names tell, `""` where they tell none. Only what is whole is here. */
  readonly forms: ReadonlyMap<string, readonly string[]>;
}

/** What tells which tensor lies in which shard. */
export interface ShardIndex {
  readonly path: string;
  readonly folder: string;
  readonly label: string;
}

interface Piece {
  readonly path: string;
  readonly stem: string;
  readonly label: string;
  readonly shard: Shard | undefined;
}

const EXTENSION = ".safetensors";
const INDEX = /^(.*)\.safetensors\.index(?:\.([a-z0-9_]+))?\.json$/;
/** Diffusers' `variant` stands behind a dot, before or behind the number of a part. */
const DOT_LABEL = /\.(fp16|bf16|fp32|fp8[a-z0-9_]*|non_ema)$/;
const DASH_LABEL = /[-_](fp16|bf16|fp32|fp8[a-z0-9_]*)$/;

export function isIndex(path: string): boolean {
  return INDEX.test(nameOf(path));
}

/** @param path One that {@link isIndex}. */
export function readIndex(path: string): ShardIndex {
  const [, stem = "", label] = INDEX.exec(nameOf(path)) ?? [];
  return { path, folder: folderOf(path), label: label ?? cutLabel(stem, DOT_LABEL)[1] };
}

/** @param paths Safetensors files. @param indexes All of the repository. */
export function safetensorsComponents(paths: readonly string[], indexes: readonly ShardIndex[]): Component[] {
  const indexed = new Set(indexes.map(({ folder, label }) => joinPath(folder, label)));
  return [...groupBy(withDashLabels(paths.map(readPiece)), keyOf)].flatMap(([key, same]) => {
    const folder = folderOf(key);
    const perLabel = groupBy(same, (piece) => piece.label);
    perLabel.delete("non_ema"); // for going on with a training, never for use
    if (perLabel.size === 0) return [];
    const forms = [...perLabel].map(([label, pieces]) =>
      [label, bestForm(pieces, indexed.has(joinPath(folder, label)))] as const
    );
    return [{ folder, forms: new Map(forms.filter(([, files]) => files.length > 0)) }];
  });
}

function keyOf({ path, stem }: Piece): string {
  return joinPath(folderOf(path), stem);
}

function readPiece(path: string): Piece {
  const name = nameOf(path).slice(0, -EXTENSION.length);
  const [outside, outer] = cutLabel(name, DOT_LABEL);
  const shard = readShard(outside);
  const [stem, inner] = outer === ""
    ? cutLabel(shard?.base ?? outside, DOT_LABEL)
    : [shard?.base ?? outside, outer];
  return { path, stem, label: inner, shard };
}

function cutLabel(stem: string, pattern: RegExp): [stem: string, label: string] {
  const match = pattern.exec(stem);
  return match === null ? [stem, ""] : [stem.slice(0, match.index), match[1] ?? ""];
}

/** A data type behind a dash may be part of a plain name, so it counts only when it tells two files of one name apart. */
function withDashLabels(pieces: readonly Piece[]): Piece[] {
  const cut = pieces.map((piece) => {
    const [stem, label] = piece.label === "" ? cutLabel(piece.stem, DASH_LABEL) : [piece.stem, piece.label];
    return { before: piece, after: { ...piece, stem, label } };
  });
  const labels = new Map(
    [...groupBy(cut, ({ after }) => keyOf(after))].map((
      [key, same],
    ) => [key, new Set(same.map(({ after }) => after.label))]),
  );
  return cut.map(({ before, after }) => (labels.get(keyOf(after))?.size ?? 0) > 1 ? after : before);
}

/** A whole set of shards with an index before one file before a whole set without. */
function bestForm(pieces: readonly Piece[], hasIndex: boolean): readonly string[] {
  const parts = pieces.flatMap((piece) =>
    piece.shard === undefined ? [] : [{ ...piece, shard: piece.shard }]
  );
  const [set = []] = wholeSets(parts);
  const single = pieces.find((piece) => piece.shard === undefined);
  if (single !== undefined && (set.length === 0 || !hasIndex)) return [single.path];
  return set.map((piece) => piece.path);
}
