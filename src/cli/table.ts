export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Columns two spaces apart, the widest cell decides. The last column is not padded. */
export function formatTable(columns: readonly Column[], rows: ReadonlyArray<readonly string[]>): string[] {
  const lines = [columns.map((column) => column.title), ...rows].map((cells) => cells.map(printable));
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => width(cells[index] ?? ""))));
  return lines.map((cells) =>
    columns.map((column, index) => padTo(cells[index] ?? "", widths[index] ?? 0, column.align))
      .join("  ").trimEnd()
  );
}

/** `label: value` lines with the values in one column. */
export function formatPairs(pairs: ReadonlyArray<readonly [label: string, value: string]>): string[] {
  const widest = Math.max(0, ...pairs.map(([label]) => width(label)));
  return pairs.map(([label, value]) => `${padTo(`${label}:`, widest + 1, "left")} ${printable(value)}`);
}

/** Controls and marks of direction could move the cursor or forge a line: a name from elsewhere may hold them. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function padTo(text: string, wanted: number, align: "left" | "right" = "left"): string {
  const gap = " ".repeat(Math.max(0, wanted - width(text)));
  return align === "right" ? gap + text : text + gap;
}

function width(text: string): number {
  return Bun.stringWidth(text);
}
