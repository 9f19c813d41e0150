import type { PullFileView, PullView } from "../library/index.ts";
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

/** All of it, then the parts that have bars of their own. */
export type ProgressRows = readonly [whole: Progress, ...parts: Progress[]];

const NAME_COLUMNS_MAX = 32;
const NAME_COLUMNS_MIN = 12;
const BAR_COLUMNS_MAX = 30;
const BAR_COLUMNS_MIN = 10;
const FRAME_COLUMNS = "  []  ".length + 1; // a full last column would wrap
/** With more files than this, only those that are being fetched have a bar. */
const FILE_ROWS_MAX = 8;
const COMMIT = /^[0-9a-f]{40}$/;

/** A pull and, when it has several, its files. */
export function progressOfPull(pull: PullView): ProgressRows {
  return [wholeOf(pull), ...(pull.files.length > 1 ? filesWithRows(pull.files).map(partOf) : [])];
}

function wholeOf(pull: PullView): Progress {
  return {
    name: shortName(pull),
    bytesDone: pull.bytes_done,
    bytesTotal: pull.bytes_total,
    rateBytesPerS: pull.state === "running" ? pull.rate_bytes_per_s : null,
    etaS: pull.eta_s,
  };
}

/** The name of a commit is long and tells a person nothing. */
function shortName({ model, version, variant }: PullView): string {
  if (version !== null && !COMMIT.test(version)) return `${model}@${version}`;
  return variant === "" || variant === "default" ? model : `${model}:${variant}`;
}

function filesWithRows(files: readonly PullFileView[]): readonly PullFileView[] {
  return files.length <= FILE_ROWS_MAX ? files : files.filter(({ state }) => state === "running");
}

function partOf({ path, bytes_done, bytes_total }: PullFileView): Progress {
  const name = `  ${path.slice(path.lastIndexOf("/") + 1)}`;
  return { name, bytesDone: bytes_done, bytesTotal: bytes_total, rateBytesPerS: null, etaS: null };
}

/** `iris  42%  1.2 MiB / 2.9 MiB  1.0 MiB/s  ETA 2s`: for a pipe. */
export function formatProgress(progress: Progress): string {
  return [printable(progress.name), ...progressCells(progress)].join("  ");
}

/** The same with bars below each other, fitted into `columns`: names give way before bars do. */
export function formatBars(rows: readonly Progress[], columns: number): string[] {
  const texts = rows.map((row) => ({ row, name: printable(row.name), cells: progressCells(row).join("  ") }));
  const longest = Math.max(...texts.map(({ name }) => Bun.stringWidth(name)));
  const room = columns - FRAME_COLUMNS - Math.max(...texts.map(({ cells }) => Bun.stringWidth(cells)));
  const nameColumns = Math.min(longest, NAME_COLUMNS_MAX, Math.max(NAME_COLUMNS_MIN, room - BAR_COLUMNS_MIN));
  const barColumns = Math.min(BAR_COLUMNS_MAX, room - nameColumns);
  return texts.map(({ row, name, cells }) => {
    const label = padded(shorten(name, nameColumns), nameColumns);
    const hasBar = barColumns >= BAR_COLUMNS_MIN && row.bytesTotal !== null;
    return hasBar
      ? `${label}  ${bar(row, barColumns)}  ${cells}`
      : shorten(`${label}  ${cells}`, columns - 1);
  });
}

function bar(progress: Progress, columns: number): string {
  const filled = Math.floor(columns * fraction(progress));
  return `[${"=".repeat(filled)}${" ".repeat(columns - filled)}]`;
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - Bun.stringWidth(text)));
}

function progressCells(progress: Progress): string[] {
  const { bytesDone, bytesTotal, rateBytesPerS, etaS } = progress;
  const amount = bytesTotal === null
    ? [formatBytes(bytesDone)]
    : [`${percent(progress)}%`.padStart(4), `${formatBytes(bytesDone)} / ${formatBytes(bytesTotal)}`];
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
