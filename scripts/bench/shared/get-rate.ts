import { findTool } from "./tools.ts";
import type { BenchContext } from "./types.ts";

const RATE = /^Requests\/sec: +([\d.]+)$/m;
const FAILURES = /Non-2xx|Socket errors/;
/** What wrk may take beyond the time it is to measure. */
const MARGIN_MS = 20_000;

/** Asks for the same over and over. @returns Answers per second. @throws {Error} An answer was an error. */
export async function getRate(
  { processes }: BenchContext,
  url: string,
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<number> {
  const settings = ["--threads", "1", "--connections", String(clients), "--duration", `${seconds}s`];
  const command = [findTool("wrk"), ...settings, url];
  const output = await processes.run(command, { timeoutMs: seconds * 1000 + MARGIN_MS });
  const rate = RATE.exec(output)?.[1];
  if (rate === undefined || FAILURES.test(output)) {
    throw new Error(`${url}: wrong answers under load\n${output}`);
  }
  return Number(rate);
}
