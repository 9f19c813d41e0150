import { join } from "node:path";
import { findTool } from "./tools.ts";
import type { BenchContext } from "./types.ts";

const SCRIPT = join(import.meta.dir, "random-requests.lua");
const REPORT = /^report (.*)$/m;
/** The headers of an answer are shorter than this. */
const HEADERS_BYTES_MAX = 2048;
/** What wrk may take beyond the time it is to measure. */
const MARGIN_MS = 20_000;

export interface Load {
  readonly clients: number;
  readonly seconds: number;
  /** `files`: paths that end in a number below `count`; `ranges`: 64 KiB of one file, at one of `count` places. */
  readonly kind: "files" | "ranges";
  readonly count: number;
  readonly bodyBytes: number;
}

/**
 * Asks for random files or ranges over and over. @returns Answers per second.
 *
 * @throws {Error} An answer was an error, or had another length than was asked for.
 */
export async function requestRate({ processes }: BenchContext, url: string, load: Load): Promise<number> {
  const { clients, seconds, kind, count, bodyBytes } = load;
  const settings = ["--threads", "1", "--connections", String(clients), "--duration", `${seconds}s`];
  const command = [
    findTool("wrk"),
    ...settings,
    "--script",
    SCRIPT,
    url,
    "--",
    kind,
    String(count),
    String(bodyBytes),
  ];
  const output = await processes.run(command, { timeoutMs: seconds * 1000 + MARGIN_MS });
  const report = JSON.parse(REPORT.exec(output)?.[1] ?? "{}");
  const meanBytes = report.bytes / report.requests;
  const isRight = report.errors === 0 && meanBytes >= bodyBytes && meanBytes < bodyBytes + HEADERS_BYTES_MAX;
  if (!isRight) throw new Error(`${url}: wrong answers under load\n${output}`);
  return report.requests / report.seconds;
}
