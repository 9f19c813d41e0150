import { join } from "node:path";
import type { JsonTensor, PredictView } from "../../src/library/model-types.ts";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { bareRuns, onnxName, type Spin } from "./shared/onnx-runtime.ts";
import { chainOnnx, ONE_NUMBER, writeModel } from "./shared/onnx-models.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { median } from "./shared/stats.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

const MODEL = "bench/chain";
const RUN_MS = 100;
const CLIENTS = 8;
const RUNS = 200;
const RATIO_MIN = 0.95;
const SAME = 1e-5;
/** From which the time of one product is taken. */
const [TRIED_PRODUCTS, TRIED_RUNS] = [16, 10];

/** Eight clients keep one model busy, beside a loop that does nothing but run it. */
export const modelsThroughput: Bench = {
  name: "models-throughput",
  title: `Throughput of a model of ${RUN_MS} ms, ${CLIENTS} clients`,
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const path = join(context.folder, "chain", "model.onnx");
  await writeChainOf(context, RUN_MS, path);
  await using server = await LarderServer.start(context);
  await server.importLinked(path, MODEL);
  await predictAll(server, CLIENTS);
  await checkSame(context, server, path);
  const runs = context.size(RUNS);
  const bareRate = async (spin: Spin) => runs / (await bareRuns(context, path, runs, spin)).seconds;
  const rates = await interleave(context, {
    larder: async () => runs / await timed(() => predictAll(server, runs)),
    spinning: () => bareRate("1"),
    calm: () => bareRate("0"),
  });
  const sides = [
    { against: `${await onnxName()} as it comes`, peer: rates.spinning },
    { against: `${await onnxName()} without spinning`, peer: rates.calm },
  ].toSorted((a, b) => median(b.peer) - median(a.peer));
  return sides.map(({ against, peer }, i): Row => ({
    what: i === 0 ? "runs, beside the faster" : "runs",
    against,
    unit: "/s",
    larder: rates.larder,
    peer,
    ...(i === 0 && { aim: { atLeast: RATIO_MIN } }),
  }));
}

/** Writes a model that takes so long on this machine, by the bare runtime. */
export async function writeChainOf(context: BenchContext, ms: number, path: string): Promise<void> {
  writeModel(path, chainOnnx(TRIED_PRODUCTS));
  const productMs = (await bareRuns(context, path, TRIED_RUNS)).seconds * 1000 / TRIED_RUNS / TRIED_PRODUCTS;
  const products = Math.max(1, Math.round(ms / productMs));
  context.say(`${products} products of ${productMs.toFixed(2)} ms`);
  writeModel(path, chainOnnx(products));
}

/** @throws {Error} Both do not compute the same. */
async function checkSame(context: BenchContext, server: LarderServer, path: string): Promise<void> {
  const { outputs } = await server.json<PredictView>("POST", "/api/v1/predict", {
    model: MODEL,
    ...ONE_NUMBER,
  });
  const own = Number((outputs["y"] as JsonTensor).data);
  const { y } = await bareRuns(context, path, 1);
  if (!(Math.abs(own - y) <= SAME * Math.abs(y))) throw new Error(`Larder computes ${own} and not ${y}`);
}

/** All clients together ask so many times. */
async function predictAll(server: LarderServer, runs: number): Promise<void> {
  const json = JSON.stringify({ model: MODEL, ...ONE_NUMBER });
  let left = runs;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    using connection = await HttpConnection.open(server.url);
    while (left-- > 0) expectOk(await connection.post("/api/v1/predict", json));
  }));
}
