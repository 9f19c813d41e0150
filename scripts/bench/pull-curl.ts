import { join } from "node:path";
import { warm } from "./shared/data-files.ts";
import { larderEnv, LarderServer } from "./shared/larder-server.ts";
import { Nginx } from "./shared/nginx.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";
import { curlPull, larderPull, type Source } from "./pull-side.ts";

const PEER = "curl, openssl dgst";

/** The main job on an idle machine: from the network to a file whose digest is known to be right. */
export const pullCurl: Bench = {
  name: "pull-curl",
  title: "Pull of 2 GiB, digest known",
  needs: ["nginx", "curl", "openssl"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const file = context.data.ensure("big", context.size(2 * GIB));
  warm([file]);
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  const source = { url: nginx.url(file.path), file };
  const own: number[] = [];
  const times = await interleave(context, {
    larder: () => larderPull(server, source, own),
    peer: () => curlPull(context, source),
    verb: () => verbPull(context, source),
  });
  return [
    { what: "through a server", against: PEER, unit: "s", ...times, aim: { atMost: 0.75 } },
    { what: "by the server's own account", against: PEER, unit: "s", larder: own, peer: times.peer },
    { what: "larder pull, no server", against: PEER, unit: "s", larder: times.verb, peer: times.peer },
  ];
}

/** The verb alone, which owns the home for as long as it runs: its start and its end count. */
async function verbPull({ larder, folder, processes }: BenchContext, { url, file }: Source): Promise<number> {
  const env = larderEnv(join(folder, "verb-home"));
  const command = [larder, "pull", "bench/verb@1", url, "--sha256", file.sha256, "--json"];
  const seconds = await timed(() => processes.run(command, { env, cwd: folder }));
  await processes.run([larder, "remove", "bench/verb@1", "--yes"], { env, cwd: folder });
  return seconds;
}
