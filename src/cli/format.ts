import { parseBytes } from "../config/index.ts";
import { LarderError } from "../core/index.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `5.0 MiB`: base 1024, one decimal from a KiB on. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 and more would round to "1024.0" of the smaller unit.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function formatRate(bytesPerS: number): string {
  return `${formatBytes(bytesPerS)}/s`;
}

const WORDS = [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"], [1e3, "thousand"]] as const;

/** `3.8 billion`: for counts that nobody counts. */
export function formatCount(count: number): string {
  // What rounds up to the next word is told by that.
  const [unit, word] = WORDS.find(([size]) => count >= size * 0.9995) ?? [1, ""];
  if (unit === 1) return String(count);
  const value = count / unit;
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${word}`;
}

/** `45s`, `3m05s`, `2h07m`, `4d03h`: the two largest units. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${pad(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h${pad(Math.floor(s % 3600 / 60))}m`;
  return `${Math.floor(s / 86_400)}d${pad(Math.floor(s % 86_400 / 3600))}h`;
}

/** Local time, `2026-03-01 14:05`. */
export function formatTime(unixS: number): string {
  const at = new Date(unixS * 1000);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ` +
    `${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** Bytes from `500000`, `500K`, `10MiB`. @throws {LarderError} USAGE naming the option. */
export function parseSize(text: string, option: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw usage(option, text, "a size such as 500000, 10MB or 10MiB");
}

const DURATION_S: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Seconds from `90`, `90s`, `15m`, `1h`, `30d`.
 *
 * @throws {LarderError} USAGE naming the option.
 */
export function parseDuration(text: string, option: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text) ?? [];
  const seconds = Number(number) * (DURATION_S[unit] ?? NaN);
  if (number !== "" && Number.isFinite(seconds)) return seconds;
  throw usage(option, text, "a time such as 30s, 15m, 1h or 30d");
}

/** @throws {LarderError} USAGE naming the option. */
export function parseCount(text: string, option: string, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw usage(option, text, `a whole number from 1 to ${max}`);
}

export function usage(option: string, text: string, allowed: string): LarderError {
  return new LarderError("USAGE", `Cannot use ${option} ${JSON.stringify(text)}`, {
    field: option.replace(/^--/, ""),
    hint: `Give ${allowed}.`,
  });
}
