import { getLogger, type Logger } from "@logtape/logtape";

export type { Logger } from "@logtape/logtape";

/** A logger of one part of the house: `logger("pull")`. Records go where main.ts configured; nowhere in a test. */
export function logger(...part: [string, ...string[]]): Logger {
  return getLogger(["larder", ...part]);
}
