import { join } from "node:path";
import type { PreloadView } from "../../src/preload/types.ts";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { heavyOnnx, ONE_NUMBER, tinyOnnx, writeModel } from "./shared/onnx-models.ts";
import { settle } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const ASKED = "bench/asked";
const OTHERS = 20;
const OTHER_BYTES = 64 * MIB;
const IDLE_MS = 2_000;
/** Memory that was just given back keeps the system busy for a while. */
const CALM_MS = 1_000;
const EVERY_MS = 2;
const LOOK_MS = 20;
const RATIO_MAX = 1.5;

/** What somebody who uses a model notices of others that are being preloaded. */
export const preloadLatency: Bench = {
  name: "preload-latency",
  title: "Predict on a loaded model while 20 others of 64 MiB preload",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await using server = await LarderServer.start(context, "home", ["--models-max", String(OTHERS + 1)]);
  const others = await importOthers(context, server);
  const path = join(context.folder, "asked", "model.onnx");
  writeModel(path, tinyOnnx(1));
  await server.importLinked(path, ASKED);
  await server.json("POST", "/api/v1/predict", { model: ASKED, ...ONE_NUMBER });
  const p99During = async (during: () => Promise<unknown>) => {
    await settle(context);
    return quantile(await predictTimes(server.url, during), 0.99);
  };
  await Bun.sleep(CALM_MS);
  const idleMs = () => p99During(() => Bun.sleep(IDLE_MS));
  // Of a file that was never loaded by this build, a process of its own tries it first.
  const [firstIdle, first] = [await idleMs(), await p99During(() => preload(server, others))];
  context.say(`first loads: ${first.toFixed(2)} ms, idle ${firstIdle.toFixed(2)} ms`);
  const [idle, again]: [number[], number[]] = [[], []];
  for (let round = 1; round <= context.pairs; round++) {
    for (const model of others) await server.json("POST", "/api/cache/evict", { model });
    await Bun.sleep(CALM_MS);
    idle.push(await idleMs());
    again.push(await p99During(() => preload(server, others)));
    context.say(`round ${round}: ${again.at(-1)?.toFixed(2)} ms, idle ${idle.at(-1)?.toFixed(2)} ms`);
  }
  const row = { against: "idle", unit: "ms", aim: { atMost: RATIO_MAX } } as const;
  return [
    { ...row, what: "p99, files that were loaded before", larder: again, peer: idle },
    { ...row, what: "p99, files that were never loaded", larder: [first], peer: [firstIdle] },
  ];
}

async function importOthers(context: BenchContext, server: LarderServer): Promise<string[]> {
  const models: string[] = [];
  for (let number = 0; number < OTHERS; number++) {
    const path = join(context.folder, `${number}`, "model.onnx");
    writeModel(path, heavyOnnx(`other-${number}`, context.size(OTHER_BYTES), "all"));
    models.push(`bench/other-${number}`);
    await server.importLinked(path, `bench/other-${number}`);
  }
  return models;
}

async function preload(server: LarderServer, models: readonly string[]): Promise<void> {
  await server.json("POST", "/api/preload", { models: models.map((model) => ({ model })) });
  for (;;) {
    const { queue } = await server.json<PreloadView>("GET", "/api/preload");
    if (queue.length === 0) return;
    const skipped = queue.find((one) => one.skipped !== null);
    if (skipped !== undefined) throw new Error(`${skipped.reference} ${skipped.skipped}`);
    await Bun.sleep(LOOK_MS);
  }
}

/** Asks over one connection, every 2 ms or as soon as the answer before is there. @returns Milliseconds per answer */
async function predictTimes(url: string, during: () => Promise<unknown>): Promise<number[]> {
  using connection = await HttpConnection.open(url);
  const body = JSON.stringify({ model: ASKED, ...ONE_NUMBER });
  const times: number[] = [];
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const answer = await connection.post("/api/v1/predict", body);
      expectOk(answer);
      times.push(answer.ms);
      await Bun.sleep(EVERY_MS);
    }
  })();
  try {
    await during();
  } finally {
    isOver = true;
    await asking;
  }
  return times;
}
