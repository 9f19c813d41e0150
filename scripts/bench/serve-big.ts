import { basename } from "node:path";
import { warm } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { Nginx } from "./shared/nginx.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { median } from "./shared/stats.ts";
import { findTool } from "./shared/tools.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

/** One client takes one large file that is in the page cache; both servers send the very same file (a hard link). */
export const serveBig: Bench = {
  name: "serve-big",
  title: "GET of a 2 GiB file, warm",
  needs: ["nginx", "curl"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const file = context.data.ensure("big", context.size(2 * GIB));
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  await server.importLinked(file.path, "bench/big");
  warm([file]);
  const { larder, plain, nopush } = await interleave(context, {
    larder: () => get(context, server.fileUrl("bench/big", basename(file.path))),
    plain: () => get(context, nginx.url(file.path, "plain")),
    nopush: () => get(context, nginx.url(file.path, "nopush")),
  });
  const [better, other] = median(plain) <= median(nopush)
    ? [{ name: "off", peer: plain }, { name: "on", peer: nopush }]
    : [{ name: "on", peer: nopush }, { name: "off", peer: plain }];
  const row = { what: "one client", unit: "s", larder } as const;
  return [
    {
      ...row,
      against: `nginx, tcp_nopush ${better.name} (its better)`,
      peer: better.peer,
      aim: { atMost: 0.95 },
    },
    { ...row, against: `nginx, tcp_nopush ${other.name}`, peer: other.peer },
  ];
}

function get({ processes }: BenchContext, url: string): Promise<number> {
  return timed(() => processes.run([findTool("curl"), "-sS", "--fail", "-o", "/dev/null", url]));
}
