import { join } from "node:path";
import { findTool } from "./tools.ts";
import type { BenchContext } from "./types.ts";

const SCRIPT = join(import.meta.dir, "post.lua");
const REPORT = /^report (.*)$/m;
/** What wrk may take beyond the time it is to measure. */
const MARGIN_MS = 20_000;

export interface PostLoad {
  readonly clients: number;
  readonly seconds: number;
  /** Sent in turns. */
  readonly bodies: readonly string[];
}

/** Sends the same over and over. @returns Answers per second. @throws {Error} An answer was an error. */
export async function postRate(
  { processes }: BenchContext,
  url: string,
  { clients, seconds, bodies }: PostLoad,
): Promise<number> {
  const settings = ["--threads", "1", "--connections", String(clients), "--duration", `${seconds}s`];
  const command = [findTool("wrk"), ...settings, "--script", SCRIPT, url, "--", ...bodies];
  const output = await processes.run(command, { timeoutMs: seconds * 1000 + MARGIN_MS });
  const report = JSON.parse(REPORT.exec(output)?.[1] ?? "{}");
  if (report.errors !== 0) throw new Error(`${url}: wrong answers under load\n${output}`);
  return report.requests / report.seconds;
}
