import { join } from "node:path";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { heavyOnnx, ONE_NUMBER, writeModel } from "./shared/onnx-models.ts";
import { settle } from "./shared/rounds.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const MODEL = "bench/wanted";
const CLIENTS = 1000;
/** Its load takes longer than a thousand requests need to come. */
const MODEL_BYTES = 512 * MIB;
const LOADS_MAX = 1;

/** Everybody wants the same model, and nobody has loaded it. */
export const modelsWaiting: Bench = {
  name: "models-waiting",
  title: `${CLIENTS} requests at once for a model that is not loaded`,
  needs: [],
  run,
};

interface CacheCounts {
  readonly total_loads: number;
  readonly misses: number;
}

async function run(context: BenchContext): Promise<Row[]> {
  const path = join(context.folder, "wanted", "model.onnx");
  writeModel(path, heavyOnnx("wanted", context.size(MODEL_BYTES), "row"));
  await using server = await LarderServer.start(context);
  await server.importLinked(path, MODEL);
  const [loads, waited, seconds]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= context.pairs; round++) {
    await settle(context);
    await server.json("POST", "/api/cache/evict", { model: MODEL });
    const before = await counts(server);
    seconds.push(await askAll(server));
    const after = await counts(server);
    loads.push(after.total_loads - before.total_loads);
    waited.push(after.misses - before.misses);
    context.say(`round ${round} of ${context.pairs}: ${waited.at(-1)} waited, ${loads.at(-1)} loads`);
  }
  return [
    { what: "loads", unit: "times", larder: loads, statistic: "max", aim: { atMost: LOADS_MAX } },
    { what: "came before it was loaded", unit: "requests", larder: waited },
    { what: "until the last answer", unit: "s", larder: seconds },
  ];
}

function counts(server: LarderServer): Promise<CacheCounts> {
  return server.json<CacheCounts>("GET", "/api/cache/stats");
}

async function askAll(server: LarderServer): Promise<number> {
  const json = JSON.stringify({ model: MODEL, ...ONE_NUMBER });
  using opened = new DisposableStack();
  const connections = await Promise.all(
    Array.from({ length: CLIENTS }, () => HttpConnection.open(server.url)),
  );
  for (const connection of connections) opened.use(connection);
  const startMs = performance.now();
  const answers = await Promise.all(
    connections.map((connection) => connection.post("/api/v1/predict", json)),
  );
  for (const answer of answers) expectOk(answer);
  return (performance.now() - startMs) / 1000;
}
