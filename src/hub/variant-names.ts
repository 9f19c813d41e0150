import type { ModelFormat } from "./types.ts";
import { byCodeUnit, type VariantDraft } from "./variant-draft.ts";

const NAME_LENGTH_MAX = 64;

/** Who keeps a name that two formats want: the earlier one. Also the order in which variants are listed. */
export const FORMAT_ORDER: readonly ModelFormat[] = [
  "gguf",
  "onnx",
  "safetensors",
  "mlx",
  "pytorch",
  "other",
];

/** Makes a text fit the grammar of a variant's name, with an ending that is kept whole. */
export function fitName(text: string, ending = ""): string {
  const clean = (part: string) => part.replace(/[^A-Za-z0-9._-]+/g, "-");
  const tail = clean(ending).slice(0, NAME_LENGTH_MAX);
  // Cut before it is cleaned: the text may be as long as an attacker likes.
  const room = NAME_LENGTH_MAX - tail.length - (tail === "" ? 0 : 1);
  const head = clean(text.slice(0, 4 * NAME_LENGTH_MAX)).slice(0, Math.max(room, 0)).replace(/[._-]+$/, "");
  const joined = [head, tail].filter((part) => part !== "").join("-").replace(/^[^A-Za-z0-9]+/, "");
  return joined === "" ? "variant" : joined;
}

/** Gives every draft a name of its own. The same drafts get the same names in whatever order they come. */
export function nameDrafts(drafts: readonly VariantDraft[]): VariantDraft[] {
  const taken = new Map<string, ModelFormat>();
  const counters = new Map<string, number>();
  return drafts.toSorted(byFormatAndName).map((draft) => {
    const name = freeName(draft, taken, counters);
    taken.set(name, draft.format);
    return { ...draft, name };
  });
}

function freeName(
  { name, format }: VariantDraft,
  taken: ReadonlyMap<string, ModelFormat>,
  counters: Map<string, number>,
): string {
  const owner = taken.get(name);
  if (owner === undefined) return name;
  const wish = owner === format ? name : fitName(`${format}-${name}`);
  let free = wish;
  while (taken.has(free)) {
    const count = (counters.get(wish) ?? 1) + 1;
    counters.set(wish, count);
    free = fitName(wish, String(count));
  }
  return free;
}

function byFormatAndName(a: VariantDraft, b: VariantDraft): number {
  return FORMAT_ORDER.indexOf(a.format) - FORMAT_ORDER.indexOf(b.format) || byCodeUnit(a.name, b.name) ||
    byCodeUnit(a.weightFiles[0] ?? "", b.weightFiles[0] ?? "");
}
