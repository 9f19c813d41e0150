import { formatModelRef } from "../core/index.ts";
import type { ServedBy } from "../library/index.ts";
import type { Output } from "./output.ts";

/** Says when another version or variant answered than the one that was asked for. */
export function noteFallback(output: Output, by: ServedBy): void {
  if (by.fallback === undefined) return;
  const { asked, error } = by.fallback;
  output.note(`${formatModelRef(by)} stands in for ${asked}: ${error.message}`);
}
