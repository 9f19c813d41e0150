import type { PullView } from "../library/index.ts";
import { formatBytes, formatDuration, formatRate } from "./format.ts";
import { printable } from "./table.ts";

/** What a bar or a line of progress shows. */
export interface Progress {
  readonly name: string;
  readonly bytesDone: number;
  /** Null while it is not known. */
  readonly bytesTotal: number | null;
  /** Null where nobody measures it. */
  readonly rateBytesPerS: number | null;
  readonly etaS: number | null;
}

const NAME_COLUMNS_MAX = 32;
const BAR_COLUMNS_MAX = 30;
const BAR_COLUMNS_MIN = 10;

export function progressOfPull(pull: PullView): Progress {
  return {
    name: pull.version === null ? pull.model : `${pull.model}@${pull.version}`,
    bytesDone: pull.bytes_done,
    bytesTotal: pull.bytes_total,
    rateBytesPerS: pull.state === "running" ? pull.rate_bytes_per_s : null,
    etaS: pull.eta_s,
  };
}

/** `iris  42%  1.2 MiB / 2.9 MiB  1.0 MiB/s  ETA 2s`: for a pipe and, after a bar, for a terminal. */
export function formatProgress(progress: Progress): string {
  return [printable(progress.name), ...progressCells(progress)].join("  ");
}

/** The same with a bar, fitted into `columns`. */
export function formatBar(progress: Progress, columns: number, glyphs: BarGlyphs = ASCII): string {
  const name = shorten(printable(progress.name), NAME_COLUMNS_MAX);
  const cells = progressCells(progress).join("  ");
  const room = columns - 1 - Bun.stringWidth(name) - Bun.stringWidth(cells) - "  []  ".length;
  if (room < BAR_COLUMNS_MIN || progress.bytesTotal === null) {
    return shorten(`${name}  ${cells}`, columns - 1);
  }
  const size = Math.min(BAR_COLUMNS_MAX, room);
  const filled = Math.floor(size * fraction(progress));
  return `${name}  [${glyphs.full.repeat(filled)}${glyphs.empty.repeat(size - filled)}]  ${cells}`;
}

export interface BarGlyphs {
  readonly full: string;
  readonly empty: string;
}

const ASCII: BarGlyphs = { full: "=", empty: " " };

function progressCells({ bytesDone, bytesTotal, rateBytesPerS, etaS, ...rest }: Progress): string[] {
  const amount = bytesTotal === null ? [formatBytes(bytesDone)] : [
    `${percent({ ...rest, bytesDone, bytesTotal, rateBytesPerS, etaS })}%`.padStart(4),
    `${formatBytes(bytesDone)} / ${formatBytes(bytesTotal)}`,
  ];
  return [
    ...amount,
    ...(rateBytesPerS === null ? [] : [formatRate(rateBytesPerS)]),
    ...(etaS === null ? [] : [`ETA ${formatDuration(etaS)}`]),
  ];
}

/** Rounded down: 100 % means that nothing is missing. */
function percent(progress: Progress): number {
  return Math.floor(fraction(progress) * 100);
}

function fraction({ bytesDone, bytesTotal }: Progress): number {
  if (bytesTotal === null || bytesTotal === 0) return 1;
  return Math.min(1, Math.max(0, bytesDone / bytesTotal));
}

function shorten(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let cut = "";
  for (const letter of text) {
    if (Bun.stringWidth(cut + letter) > columns - 1) break;
    cut += letter;
  }
  return `${cut}…`;
}
