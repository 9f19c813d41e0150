import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { writeRandom } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { Nginx } from "./shared/nginx.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { findTool } from "./shared/tools.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

const FILES = 400;
const MIN_BYTES = 2_000;
const MAX_BYTES = 200_000;

interface SmallFile {
  readonly path: string;
  readonly url: string;
  readonly sha256: string;
  /** Given with the digest, as the listing of a hub gives both. */
  readonly size: number;
}

/**
 * One pull of many small files: Larder checks, flushes and registers each; curl only writes them. Nothing is deleted between
 * two rounds: for 5 seconds ext4 looks at every inode that was just freed before it gives a new one.
 */
export const smallFiles: Bench = {
  name: "small-files",
  title: "Pull of 400 small files (40 MB)",
  needs: ["nginx", "curl"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  // Other bytes in every round: what was there once must not be found again.
  const rounds = Array.from({ length: context.pairs }, (_, round) => makeFiles(context, nginx, round));
  const [forLarder, forCurl] = [rounds.values(), rounds.values()];
  const own: number[] = [];
  const times = await interleave(context, {
    larder: () => larderPull(server, forLarder.next().value ?? [], own),
    peer: () => curlPull(context, forCurl.next().value ?? []),
  });
  const against = "curl --parallel, no flush";
  return [
    { what: "through a server", against, unit: "s", ...times, aim: { atMost: 1.3 } },
    { what: "by the server's own account", against, unit: "s", larder: own, peer: times.peer },
  ];
}

/** Sizes are spread evenly; the mean is 101 kB. */
function makeFiles({ folder }: BenchContext, nginx: Nginx, round: number): SmallFile[] {
  return Array.from({ length: FILES }, (_, index) => {
    const path = join(folder, `round-${round}`, `file-${index}.bin`);
    const sizeBytes = Math.round(MIN_BYTES + (MAX_BYTES - MIN_BYTES) * ((index * 173) % FILES) / (FILES - 1));
    const sha256 = writeRandom(path, `small-${round}-${index}`, sizeBytes);
    return { path, url: nginx.url(path), sha256, size: sizeBytes };
  });
}

/** @param own Gets the seconds by the pull's own account. */
async function larderPull(server: LarderServer, files: readonly SmallFile[], own: number[]): Promise<number> {
  const wanted = files.map(({ path, url, sha256, size }) => ({
    path: basename(path),
    urls: [url],
    sha256,
    size,
  }));
  const model = `bench/small-${basename(join(files[0]?.path ?? "", ".."))}`;
  const seconds = await timed(async () => {
    const { created_at, finished_at } = await server.pull({ model, revision: "1", files: wanted });
    own.push((finished_at ?? Number.NaN) - created_at);
  });
  return seconds;
}

async function curlPull({ processes, folder }: BenchContext, files: readonly SmallFile[]): Promise<number> {
  const target = join(folder, `curl-${basename(join(files[0]?.path ?? "", ".."))}`);
  await mkdir(target);
  const lines = files.map(({ path, url }) => `url = "${url}"\noutput = "${join(target, basename(path))}"\n`);
  await Bun.write(join(folder, "curl.conf"), lines.join(""));
  const options = [
    "-sS",
    "--fail",
    "--parallel",
    "--parallel-max",
    "16",
    "--config",
    join(folder, "curl.conf"),
  ];
  return await timed(() => processes.run([findTool("curl"), ...options]));
}
