import { join } from "node:path";
import { writeChainOf } from "./models-throughput.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { probeLatencies } from "./shared/latency-probe.ts";
import { bareRuns } from "./shared/onnx-runtime.ts";
import { heavyOnnx, ONE_NUMBER, writeModel } from "./shared/onnx-models.ts";
import { interleave } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const SLOW = "bench/slow";
const HEAVY = "bench/heavy";
const RUN_MS = 2000;
const HEAVY_BYTES = 256 * MIB;
const IDLE_MS = 2000;
const P99_MS_MAX = 10;
const RATIO_MAX = 2;

/**
 * What a balancer sees of a server that works: one inference runs and another model is loaded, again and again. Beside it, each of
 * both alone, and the same inference by the bare runtime in another process: what is left then is the system's sharing of cores.
 */
export const modelsHealth: Bench = {
  name: "models-health",
  title: "GET /health/live while a 2 s inference and loads run",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const slow = join(context.folder, "slow", "model.onnx");
  const heavy = join(context.folder, "heavy", "model.onnx");
  await writeChainOf(context, RUN_MS, slow);
  writeModel(heavy, heavyOnnx("heavy", context.size(HEAVY_BYTES), "row"));
  await using server = await LarderServer.start(context);
  await server.importLinked(slow, SLOW);
  await server.importLinked(heavy, HEAVY);
  await work(context, server);
  const p99 = await interleave(context, {
    both: () => p99During(server, () => work(context, server)),
    inference: () => p99During(server, () => infer(server)),
    loads: () => p99During(server, () => loadUntil(server, Bun.sleep(IDLE_MS))),
    foreign: () => p99During(server, () => bareRuns(context, slow, 1)),
    idle: () => p99During(server, () => Bun.sleep(IDLE_MS)),
  });
  const beside = { against: "idle", unit: "ms", peer: p99.idle } as const;
  return [
    { ...beside, what: "p99, inference and loads", larder: p99.both, aim: { atMost: RATIO_MAX } },
    { what: "p99, inference and loads", unit: "ms", larder: p99.both, aim: { atMost: P99_MS_MAX } },
    { ...beside, what: "p99, inference", larder: p99.inference },
    { ...beside, what: "p99, loads", larder: p99.loads },
    { ...beside, what: "p99, inference in another process", larder: p99.foreign },
  ];
}

async function p99During(server: LarderServer, during: () => Promise<unknown>): Promise<number> {
  return quantile(await probeLatencies(server.url, "/health/live", during), 0.99);
}

async function work(context: BenchContext, server: LarderServer): Promise<void> {
  const startMs = performance.now();
  const loads = await loadUntil(server, infer(server));
  context.say(`${loads} loads and an inference in ${(performance.now() - startMs).toFixed(0)} ms`);
}

async function infer(server: LarderServer): Promise<void> {
  await server.json("POST", "/api/v1/predict", { model: SLOW, ...ONE_NUMBER });
}

/** @returns how many there were */
async function loadUntil(server: LarderServer, end: Promise<void>): Promise<number> {
  let isOver = false;
  const over = end.finally(() => isOver = true);
  let loads = 0;
  for (; !isOver; loads++) {
    await server.json("POST", "/api/cache/load", { model: HEAVY });
    await server.json("POST", "/api/cache/evict", { model: HEAVY });
  }
  await over;
  return loads;
}
