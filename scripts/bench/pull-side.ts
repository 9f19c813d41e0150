import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DataFile } from "./shared/data-files.ts";
import type { LarderServer } from "./shared/larder-server.ts";
import type { Processes } from "./shared/processes.ts";
import { timed } from "./shared/processes.ts";
import { findTool } from "./shared/tools.ts";
import type { BenchContext } from "./shared/types.ts";

const MODEL = "bench/pull";

export interface Source {
  readonly url: string;
  readonly file: DataFile;
}

/**
 * Pulls through a running server until it says that the file is there, and removes it. @returns seconds of the pull
 *
 * @param own Gets the seconds that the pull took by its own account: without the request and the news of its end.
 */
export async function larderPull(
  server: LarderServer,
  { url, file }: Source,
  own: number[] = [],
): Promise<number> {
  const files = [{ path: "model.bin", urls: [url], sha256: file.sha256 }];
  const seconds = await timed(async () => {
    const { created_at, finished_at } = await server.pull({ model: MODEL, revision: "1", files });
    own.push((finished_at ?? Number.NaN) - created_at);
  });
  await server.remove(MODEL);
  return seconds;
}

/** curl, then openssl. */
export async function curlPull(context: BenchContext, source: Source): Promise<number> {
  const target = join(context.folder, "curl.bin");
  const seconds = await timed(async () => {
    await context.processes.run([findTool("curl"), "-sS", "--fail", "-o", target, source.url]);
    await checkDigest(context.processes, target, source.file);
  });
  await rm(target);
  return seconds;
}

/** aria2 with 4 connections. @returns seconds until the file was there, and until its digest was known to be right */
export async function aria2Pull(
  context: BenchContext,
  source: Source,
): Promise<{ readonly fetched: number; readonly checked: number }> {
  const { processes, folder } = context;
  const options = ["-x4", "-s4", "--file-allocation=none", "--quiet", "--no-conf", "--dir", folder];
  const command = [findTool("aria2c"), ...options, "--out", "aria2.bin", source.url];
  const fetched = await timed(() => processes.run(command));
  const target = join(folder, "aria2.bin");
  const hashed = await timed(() => checkDigest(processes, target, source.file));
  await rm(target);
  return { fetched, checked: fetched + hashed };
}

async function checkDigest(processes: Processes, path: string, { sha256 }: DataFile): Promise<void> {
  const output = await processes.run([findTool("openssl"), "dgst", "-sha256", path]);
  if (!output.includes(sha256)) throw new Error(`${path}: expected ${sha256}, got ${output}`);
}
