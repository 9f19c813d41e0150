import { basename, join } from "node:path";
import { warm, writeRandom } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { Nginx, type NginxSetting } from "./shared/nginx.ts";
import { interleave } from "./shared/rounds.ts";
import { median } from "./shared/stats.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";
import { requestRate } from "./shared/wrk.ts";

const FILE_BYTES = 64 * 1024;
const CLIENTS = 32;
const SECONDS = 3;
/** Some fit into any cache of a server, the others are twice as much as Larder keeps in memory. */
const FEW = 100;
const MANY = 1000;

/** Many clients take small files and small parts of a large one; both servers send the very same files (hard links). */
export const serveSmall: Bench = {
  name: "serve-small",
  title: "GET of 64 KiB, 32 clients, answers per second",
  needs: ["nginx", "wrk"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const big = context.data.ensure("big", context.size(2 * GIB));
  const folder = join(context.folder, "small");
  const paths = Array.from({ length: MANY }, (_, index) => join(folder, `f${index}`));
  for (const path of paths) writeRandom(path, path, FILE_BYTES);
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  await server.importLinked(folder, "bench/small");
  await server.importLinked(big.path, "bench/big");
  warm([big, ...paths.map((path) => ({ path }))]);
  const files = {
    larder: server.fileUrl("bench/small", "f"),
    path: join(folder, "f"),
    kind: "files",
  } as const;
  const ranges = { larder: server.fileUrl("bench/big", basename(big.path)), path: big.path } as const;
  const count = Math.floor(big.sizeBytes / FILE_BYTES);
  return [
    ...await measure(context, nginx, { ...files, what: `${FEW} files`, count: FEW }),
    ...await measure(context, nginx, { ...files, what: `${MANY} files`, count: MANY }),
    ...await measure(context, nginx, { ...ranges, what: "ranges of a big file", kind: "ranges", count }),
  ];
}

interface Target {
  readonly what: string;
  /** Where Larder has it. */
  readonly larder: string;
  /** Where nginx has it. */
  readonly path: string;
  readonly kind: "files" | "ranges";
  readonly count: number;
}

async function measure(context: BenchContext, nginx: Nginx, target: Target): Promise<Row[]> {
  const { what, kind, count } = target;
  const load = { clients: CLIENTS, seconds: context.quick ? 1 : SECONDS, kind, count, bodyBytes: FILE_BYTES };
  const rate = (url: string) => () => requestRate(context, url, load);
  const peer = (setting: NginxSetting) => rate(nginx.url(target.path, setting));
  const rates = await interleave(context, {
    larder: rate(target.larder),
    plain: peer("plain"),
    nopush: peer("nopush"),
    cached: peer("cached"),
  });
  const off = median(rates.plain) >= median(rates.nopush);
  const row = { what, unit: "/s", larder: rates.larder } as const;
  return [
    {
      ...row,
      against: `nginx, tcp_nopush ${off ? "off" : "on"} (its better)`,
      peer: off ? rates.plain : rates.nopush,
      aim: { atLeast: 0.9 },
    },
    { ...row, against: "nginx with open_file_cache", peer: rates.cached },
  ];
}
