import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { PredictView } from "../../src/library/model-types.ts";
import { firstAnswer, freePort } from "./shared/first-answer.ts";
import { larderEnv, LarderServer } from "./shared/larder-server.ts";
import { ONE_NUMBER, tinyOnnx, writeModel } from "./shared/onnx-models.ts";
import { settle } from "./shared/rounds.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

const MODELS = 10_000;
/** Imports that run at once while the home is filled. */
const AT_ONCE = 16;
const HOME = "home";
const ASKED = "bench/model-7";
const WITHOUT_LOAD_MS_MAX = 300;

/** From the start of the executable to the first answer of a model, with a home that knows many. */
export const modelsCold: Bench = {
  name: "models-cold",
  title: "Executable start to first predict, home with 10,000 models",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await fillHome(context);
  const whole: number[] = [];
  const withoutLoad: number[] = [];
  for (let round = 1; round <= context.pairs; round++) {
    await settle(context);
    const { totalMs, loadMs } = await startOnce(context);
    whole.push(totalMs);
    withoutLoad.push(totalMs - loadMs);
    context.say(`round ${round}: ${totalMs.toFixed(0)} ms, of which ${loadMs.toFixed(0)} ms were the load`);
  }
  return [
    {
      what: "first predict without the load",
      unit: "ms",
      larder: withoutLoad,
      aim: { atMost: WITHOUT_LOAD_MS_MAX },
    },
    { what: "first predict", unit: "ms", larder: whole },
  ];
}

async function fillHome(context: BenchContext): Promise<void> {
  const models = context.size(MODELS);
  const folder = join(context.folder, "files");
  context.say(`importing ${models} models`);
  await using server = await LarderServer.start(context, HOME);
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < models) {
      const number = next++;
      const path = join(folder, `${number}`, "model.onnx");
      writeModel(path, tinyOnnx(number));
      await server.importLinked(path, `bench/model-${number}`);
    }
  }));
  // The native library is unpacked once in a home's life.
  await server.json("POST", "/api/v1/predict", { model: ASKED, ...ONE_NUMBER });
  await rm(folder, { recursive: true });
}

async function startOnce(
  { larder, folder, processes }: BenchContext,
): Promise<{ readonly totalMs: number; readonly loadMs: number }> {
  const port = freePort();
  const startMs = performance.now();
  const child = processes.start([larder, "serve", "--port", String(port), "--log-format", "json"], {
    env: larderEnv(join(folder, HOME)),
    cwd: folder,
    log: join(folder, "start.log"),
  });
  try {
    const answer = await firstAnswer(`http://127.0.0.1:${port}/api/v1/predict`, child, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: ASKED, ...ONE_NUMBER }),
    });
    const totalMs = performance.now() - startMs;
    const { timing_ms: timing } = JSON.parse(answer) as PredictView;
    return { totalMs, loadMs: timing.load };
  } finally {
    await processes.stop(child);
  }
}
