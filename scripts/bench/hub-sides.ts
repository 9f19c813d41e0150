import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HubProcess } from "./shared/hub-process.ts";
import type { HubRepository } from "./shared/hub-repository.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { timed } from "./shared/processes.ts";
import type { BenchContext } from "./shared/types.ts";

const SNAPSHOT = join(import.meta.dir, "shared", "hub-snapshot.ts");

/** A server with another hub, which the file of settings in its own home names. */
export async function startLarder(
  context: BenchContext,
  hubUrl: string,
  home = "home",
): Promise<LarderServer> {
  const settings = join(context.folder, home, ".config", "larder", "larder.toml");
  await Bun.write(settings, `hub_endpoint = ${JSON.stringify(hubUrl)}\n`);
  return await LarderServer.start(context, home);
}

/**
 * Pulls what a pull without a variant takes. @returns seconds until the server says that it is done
 *
 * @param own Gets the seconds by the pull's own account.
 */
export async function larderHubPull(
  server: LarderServer,
  { id, files }: HubRepository,
  own: number[] = [],
): Promise<number> {
  return await timed(async () => {
    const pull = await server.pull({ model: id });
    own.push((pull.finished_at ?? Number.NaN) - pull.created_at);
    if (pull.files.length !== files.length) {
      throw new Error(`Larder pulled ${pull.files.length} of ${files.length} files`);
    }
  });
}

/** `snapshotDownload` in a process of its own, into an empty folder. @returns seconds of that call, without the process's start */
export async function hubJsPull(
  { processes }: BenchContext,
  hub: HubProcess,
  repository: HubRepository,
  cacheFolder: string,
): Promise<number> {
  const command = [process.execPath, SNAPSHOT, hub.url, repository.id, cacheFolder];
  const { seconds } = JSON.parse(await processes.run(command)) as { readonly seconds: number };
  await checkBlobs(join(cacheFolder, `models--${repository.id.replace("/", "--")}`, "blobs"), repository);
  return seconds;
}

/** The name of the peer in tables, with its version. */
export async function hubJsName(): Promise<string> {
  const { devDependencies } = await Bun.file(join(import.meta.dir, "..", "..", "package.json")).json();
  return `@huggingface/hub ${devDependencies["@huggingface/hub"]}`;
}

/** It checks no digest; that every file is there in its length is what can be asked of it. */
async function checkBlobs(folder: string, { files }: HubRepository): Promise<void> {
  const names = new Set(await readdir(folder));
  for (const { path, gitOid, sha256, sizeBytes } of files) {
    const name = sha256 ?? gitOid;
    if (names.has(name) && (await stat(join(folder, name))).size === sizeBytes) continue;
    throw new Error(`@huggingface/hub has not brought ${path} whole`);
  }
}

/** For a table: `4 requests at the hub (aim 4)`, with the most and the least where they differ. */
export function requestsText(counts: readonly number[], aim: number): string {
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const shown = least === most ? `${most}` : `${least}–${most}`;
  return `${shown} request${shown === "1" ? "" : "s"} at the hub (aim ${aim}${most > aim ? ", missed" : ""})`;
}
