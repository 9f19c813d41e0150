import { judge } from "./stats.ts";
import type { BenchResult, Row, Unit } from "./types.ts";

export const COLUMNS = ["what", "against", "larder", "peer", "ratio", "of pairs", "aim", ""] as const;

/** One row as texts, in the order of {@link COLUMNS}. */
export function cells(row: Row): string[] {
  const { larder, peer, ratio, pairRatio, aim, met } = judge(row);
  return [
    row.what,
    row.against ?? "–",
    amount(larder, row.larder, row.unit),
    peer === undefined || row.peer === undefined ? "–" : amount(peer, row.peer, row.unit),
    ratio === undefined ? "–" : ratio.toFixed(2),
    pairRatio === undefined ? "–" : pairRatio.toFixed(2),
    aim ?? "–",
    met === undefined ? "" : met ? "met" : "missed",
  ];
}

/** A table for a terminal. */
export function plainTable(rows: readonly Row[]): string {
  const lines = [[...COLUMNS], ...rows.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  )
    .join("\n");
}

export function markdownTable(rows: readonly Row[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const lines = rows.map((row) => line(cells(row)));
  return [line(COLUMNS), `|${COLUMNS.map(() => "---").join("|")}|`, ...lines].join("\n");
}

/** How often each number was measured. */
export function counted({ rows }: Pick<BenchResult, "rows">): string {
  return `medians of ${Math.max(...rows.map(({ larder }) => larder.length))}`;
}

/** With the smallest and the largest measurement behind it: how much the machine moved. */
function amount(value: number, all: readonly number[], unit: Unit): string {
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const spread = all.length > 1 ? ` (${short(low)}–${short(high)})` : "";
  return `${short(value)} ${unit}${spread}`;
}

/** Three digits are more than such measurements are worth. */
function short(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
