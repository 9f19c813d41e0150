import { join } from "node:path";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { onnxName, startOnnxPeer } from "./shared/onnx-runtime.ts";
import { postRate } from "./shared/post-rate.ts";
import { layerOnnx, writeModel } from "./shared/onnx-models.ts";
import { interleave } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const FEATURES = [5.1, 3.5, 1.4, 0.2];
/** The one of the two whose outputs are tensors: the peer cannot give maps. */
const VERSION = "1.0.0";
const MODEL_FILE = join(import.meta.dir, "../../src/demo/iris", VERSION, "model.onnx");
const WARM_UPS = 2000;
const REQUESTS = 16_000;
const CLIENTS = 32;
const SECONDS = 5;
const OVER_US_MAX = 250;
const RATE_MIN = 5000;
const LAYER = "bench/layer";
const LAYER_BYTES = 32 * MIB;
const ROWS_MAX = 32;

/**
 * A loaded model over HTTP, beside a server that does nothing but run the same session and answer with a constant
 * text; and what many clients gain when their requests are joined.
 */
export const modelsPredict: Bench = {
  name: "models-predict",
  title: "Predict of a tiny model over HTTP",
  needs: ["wrk"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await using server = await LarderServer.start(context, "home", ["--demo"]);
  await using bare = await startOnnxPeer(context, MODEL_FILE, FEATURES);
  const json = JSON.stringify({ model: "demo/iris", version: VERSION, inputs: [FEATURES] });
  const sides = {
    larder: { url: server.url, path: "/api/v1/predict", json },
    peer: { url: bare.said.url, path: "/predict", json },
  };
  for (const side of Object.values(sides)) await medianUs(side, WARM_UPS);
  const requests = context.size(REQUESTS);
  const us = await interleave(context, {
    larder: () => medianUs(sides.larder, requests),
    peer: () => medianUs(sides.peer, requests),
  });
  const load = { clients: CLIENTS, seconds: context.quick ? 1 : SECONDS, bodies: [json] };
  const rates = await interleave(context, {
    larder: () => postRate(context, sides.larder.url + sides.larder.path, load),
    peer: () => postRate(context, sides.peer.url + sides.peer.path, load),
  });
  const against = `${await onnxName()} and a constant answer`;
  const over = us.larder.map((value, round) => value - (us.peer[round] ?? Number.NaN));
  return [
    { what: "one client, p50", against, unit: "µs", ...us },
    { what: "one client, p50, over the peer's", unit: "µs", larder: over, aim: { atMost: OVER_US_MAX } },
    { what: `${CLIENTS} clients`, unit: "/s", larder: rates.larder, aim: { atLeast: RATE_MIN } },
    { what: `${CLIENTS} clients, beside`, against, unit: "/s", ...rates },
    ...await joinedRows(context),
  ];
}

/** The tiny model, and one that reads all its weights for every run, each with and without joining. */
async function joinedRows(context: BenchContext): Promise<Row[]> {
  const path = join(context.folder, "layer", "model.onnx");
  writeModel(path, layerOnnx("layer", context.size(LAYER_BYTES)));
  await using single = await LarderServer.start(context, "single", ["--demo"]);
  await using joined = await LarderServer.start(context, "joined", ["--demo"]);
  for (const server of [single, joined]) {
    await server.importLinked(path, LAYER);
    await server.json("POST", "/api/cache/load", { model: LAYER });
    await server.json("POST", "/api/cache/load", { model: "demo/iris", version: VERSION });
  }
  for (const model of ["demo/iris", LAYER]) {
    await joined.json("PUT", `/api/models/${model}/options`, { options: { max_batch: ROWS_MAX } });
  }
  const rows: Row[] = [];
  for (const [what, body] of Object.entries(VARIED)) {
    const load = {
      clients: CLIENTS,
      seconds: context.quick ? 1 : SECONDS,
      // No two are the same: what is the same proves nothing, and would not be joined.
      bodies: Array.from({ length: CLIENTS }, (_, i) => JSON.stringify(body(i))),
    };
    const rate = (server: LarderServer) => postRate(context, `${server.url}/api/v1/predict`, load);
    const rates = await interleave(context, { larder: () => rate(joined), peer: () => rate(single) });
    const against = "not joined";
    rows.push({
      what: `${CLIENTS} clients, ${what}, joined up to ${ROWS_MAX}`,
      against,
      unit: "/s",
      ...rates,
    });
  }
  return rows;
}

const VARIED: Readonly<Record<string, (i: number) => object>> = {
  "this model": (i) => ({ model: "demo/iris", version: VERSION, inputs: [[...FEATURES.slice(1), i / 10]] }),
  [`one of ${LAYER_BYTES / MIB} MiB`]: (i) => ({ model: LAYER, inputs: [[i]] }),
};

async function medianUs(
  { url, path, json }: { readonly url: string; readonly path: string; readonly json: string },
  requests: number,
): Promise<number> {
  using connection = await HttpConnection.open(url);
  const us: number[] = [];
  while (us.length < requests) {
    const answer = await connection.post(path, json);
    expectOk(answer);
    us.push(answer.ms * 1000);
  }
  return quantile(us, 0.5);
}
