/** Bytes, or a percentage of something whole. */
export type Share = number | `${number}%`;

const PERCENTAGE = /^(\d{1,3}(?:\.\d+)?) ?%$/;

/** Reads `80%` or `12.5 %`, at most 100. Undefined when it is none. */
export function parsePercentage(text: string): `${number}%` | undefined {
  const percent = Number(PERCENTAGE.exec(text.trim())?.[1] ?? NaN);
  return percent <= 100 ? `${percent}%` : undefined;
}

/** @param wholeBytes What a percentage is of. */
export function bytesOfShare(share: Share, wholeBytes: number): number {
  return typeof share === "number" ? share : Math.floor(wholeBytes * Number.parseFloat(share) / 100);
}
