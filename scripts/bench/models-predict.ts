import { join } from "node:path";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { onnxName, startOnnxPeer } from "./shared/onnx-runtime.ts";
import { postRate } from "./shared/post-rate.ts";
import { interleave } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

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

/** A loaded model over HTTP, beside a server that does nothing but run the same session and answer with a constant text. */
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
  const load = { clients: CLIENTS, seconds: context.quick ? 1 : SECONDS, json };
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
  ];
}

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
