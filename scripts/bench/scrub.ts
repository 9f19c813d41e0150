import { join } from "node:path";
import type { ScrubReport } from "../../src/library/types.ts";
import { writeRandom } from "./shared/data-files.ts";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { probeLatencies } from "./shared/latency-probe.ts";
import { interleave } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

const SMALL = "bench/small";
const SMALL_BYTES = 1024;
const BIG = "bench/big";
/** At the default rate this lasts longer than all measurements. */
const BIG_BYTES = 4 * GIB;
const SECONDS = 5;
const PAUSE_MS = 2;
const RATIO_MAX = 1.2;

const PREDICT = JSON.stringify({ model: "demo/iris", version: "1.0.0", inputs: [[5.1, 3.5, 1.4, 0.2]] });

/**
 * What a client notices while blobs are read through: at the default rate, and, for comparison, by a verify that takes all it can get.
 */
export const scrub: Bench = {
  name: "scrub",
  title: "p99 of small answers while blobs are read through",
  needs: [],
  run,
};

type Probe = (server: LarderServer, work: () => Promise<unknown>) => Promise<number[]>;

async function run(context: BenchContext): Promise<Row[]> {
  const big = context.data.ensure("memory-4", context.size(BIG_BYTES));
  const small = join(context.folder, "small", "f");
  writeRandom(small, small, SMALL_BYTES);
  await using server = await LarderServer.start(context, "home", ["--demo"]);
  await server.importLinked(small, SMALL);
  await server.importLinked(big.path, BIG);
  await server.json("POST", "/api/v1/predict", JSON.parse(PREDICT));
  return [
    ...await measure(
      context,
      server,
      "GET of a small file",
      (one, work) => probeLatencies(one.url, new URL(one.fileUrl(SMALL, "f")).pathname, work),
    ),
    ...await measure(context, server, "predict", probePredict),
  ];
}

async function measure(
  context: BenchContext,
  server: LarderServer,
  what: string,
  probe: Probe,
): Promise<Row[]> {
  const lasting = () => Bun.sleep((context.quick ? 1 : SECONDS) * 1000);
  const p99 = async (work: () => Promise<unknown>) => quantile(await probe(server, work), 0.99);
  const ms = await interleave(context, {
    idle: () => paused(server, () => p99(lasting)),
    scrubbing: () => scrubbing(server, () => p99(lasting)),
    verifying: () => paused(server, () => p99(() => server.job("verify", { targets: [BIG] }))),
  });
  const row = { against: "idle", unit: "ms", peer: ms.idle } as const;
  return [
    { ...row, what: `${what}, scrub at the default rate`, larder: ms.scrubbing, aim: { atMost: RATIO_MAX } },
    { ...row, what: `${what}, verify without a limit`, larder: ms.verifying },
  ];
}

async function paused(server: LarderServer, measured: () => Promise<number>): Promise<number> {
  await server.json("PUT", "/api/scrub", { paused: true });
  return await measured();
}

/** @throws {Error} Nothing was read meanwhile, so nothing was measured. */
async function scrubbing(server: LarderServer, measured: () => Promise<number>): Promise<number> {
  const { bytes_done: before } = await server.json<ScrubReport>("POST", "/api/scrub/run", {});
  const result = await measured();
  const { bytes_done: after } = await server.json<ScrubReport>("GET", "/api/scrub");
  if (after <= before) throw new Error(`The scrub read nothing: ${before} bytes, then ${after}`);
  return result;
}

async function probePredict(server: LarderServer, work: () => Promise<unknown>): Promise<number[]> {
  using connection = await HttpConnection.open(server.url);
  const latencies: number[] = [];
  let isDone = false;
  const working = work().finally(() => isDone = true);
  while (!isDone) {
    const answer = await connection.post("/api/v1/predict", PREDICT);
    expectOk(answer);
    latencies.push(answer.ms);
    await Bun.sleep(PAUSE_MS);
  }
  await working;
  return latencies;
}
