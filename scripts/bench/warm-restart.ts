import { join } from "node:path";
import type { PredictView } from "../../src/library/model-types.ts";
import { firstAnswer, freePort } from "./shared/first-answer.ts";
import { larderEnv, LarderServer } from "./shared/larder-server.ts";
import { heavyOnnx, ONE_NUMBER, writeModel } from "./shared/onnx-models.ts";
import { settle } from "./shared/rounds.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const MODELS = 8;
const MODEL_BYTES = 64 * MIB;
const HOME = "home";
const FLAGS = ["--models-max", String(MODELS)];
const FIRST_MS_MAX = 150;
const RATIO_MAX = 1.1;
const LOOK_MS = 2;

/** From a restart to what was loaded being loaded again, beside asking for one model after the other. */
export const warmRestart: Bench = {
  name: "warm-restart",
  title: "Restart with 8 models of 64 MiB in memory before it",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await fillHome(context);
  const first: number[] = [];
  const warm: number[] = [];
  const oneByOne: number[] = [];
  for (let round = 1; round <= context.pairs; round++) {
    await settle(context);
    const restart = await restartWarm(context);
    await settle(context);
    const loadsMs = await loadOneByOne(context);
    first.push(restart.firstMs);
    warm.push(restart.warmMs);
    oneByOne.push(loadsMs);
    context.say(
      `round ${round}: first answer ${restart.firstMs.toFixed(0)} ms, all warm ` +
        `${restart.warmMs.toFixed(0)} ms later, one by one ${loadsMs.toFixed(0)} ms`,
    );
  }
  return [
    { what: "first GET /health/live", unit: "ms", larder: first, aim: { atMost: FIRST_MS_MAX } },
    {
      ...{ what: "from then until all are warm", unit: "ms", against: "sum of loads on request" },
      ...{ larder: warm, peer: oneByOne, aim: { atMost: RATIO_MAX } },
    },
  ];
}

/** The last process of it had all models in memory. */
async function fillHome(context: BenchContext): Promise<void> {
  await using server = await LarderServer.start(context, HOME, FLAGS);
  for (let number = 0; number < MODELS; number++) {
    const path = join(context.folder, `${number}`, "model.onnx");
    writeModel(path, heavyOnnx(`warm-${number}`, context.size(MODEL_BYTES), "all"));
    await server.importLinked(path, modelOf(number));
    await predict(server.url, modelOf(number));
  }
}

async function restartWarm(context: BenchContext) {
  const port = freePort();
  const startMs = performance.now();
  await using server = start(context, port, "true");
  const firstMs = await server.firstMs - startMs;
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const stats = await (await fetch(`${url}/api/cache`)).json() as { readonly cache_size: number };
    if (stats.cache_size === MODELS) return { firstMs, warmMs: performance.now() - startMs - firstMs };
    await Bun.sleep(LOOK_MS);
  }
}

/** @returns The time of all loads together, as the requests that wait for them say it. */
async function loadOneByOne(context: BenchContext): Promise<number> {
  const port = freePort();
  await using server = start(context, port, "false");
  await server.firstMs;
  let loadsMs = 0;
  for (let number = 0; number < MODELS; number++) {
    loadsMs += (await predict(`http://127.0.0.1:${port}`, modelOf(number))).timing_ms.load;
  }
  return loadsMs;
}

/** @returns When its first answer came, and what ends it. */
function start({ larder, folder, processes }: BenchContext, port: number, warms: "true" | "false") {
  const command = [larder, "serve", "--port", String(port), "--log-format", "json", ...FLAGS];
  const child = processes.start([...command, "--warm-on-start", warms], {
    env: larderEnv(join(folder, HOME)),
    cwd: folder,
    log: join(folder, "restart.log"),
  });
  const answer = firstAnswer(`http://127.0.0.1:${port}/health/live`, child);
  return {
    firstMs: answer.then(() => performance.now()),
    [Symbol.asyncDispose]: () => processes.stop(child),
  };
}

async function predict(url: string, model: string): Promise<PredictView> {
  const answer = await fetch(`${url}/api/v1/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, ...ONE_NUMBER }),
  });
  if (!answer.ok) throw new Error(`Cannot predict with ${model}: ${answer.status} ${await answer.text()}`);
  return await answer.json() as PredictView;
}

function modelOf(number: number): string {
  return `bench/warm-${number}`;
}
