import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeRandom } from "./shared/data-files.ts";
import { firstAnswer, freePort } from "./shared/first-answer.ts";
import { larderEnv, LarderServer } from "./shared/larder-server.ts";
import { settle } from "./shared/rounds.ts";
import { type Bench, type BenchContext, type Row } from "./shared/types.ts";

const MODELS = 100;
const FILES_PER_MODEL = 100;
const FILE_BYTES = 1000;
const HOME = "home";
const RUNS_MIN = 9;
const START_MS_MAX = 150;

/** From the start of the executable to its first answers, with a home that has been in use. */
export const start: Bench = {
  name: "start",
  title: "Executable start to first answer, home with 10,000 blobs",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await fillHome(context);
  const live: number[] = [];
  const library: number[] = [];
  for (let run = 0; run < Math.max(RUNS_MIN, context.pairs); run++) {
    await settle(context);
    const times = await startOnce(context);
    live.push(times.live);
    library.push(times.library);
    context.say(`start ${run + 1}: ${times.live.toFixed(0)} ms, ${times.library.toFixed(0)} ms`);
  }
  const aim = { atMost: START_MS_MAX };
  return [
    { what: "first GET /health/live", unit: "ms", larder: live, aim },
    { what: "first GET /api/models/library", unit: "ms", larder: library, aim },
  ];
}

/** By hard links whose first names go afterwards: every blob is a file of its own, and no bytes are copied. */
async function fillHome(context: BenchContext): Promise<void> {
  const folder = join(context.folder, "files");
  const models = context.size(MODELS);
  context.say(`importing ${models * FILES_PER_MODEL} files`);
  await using server = await LarderServer.start(context, HOME);
  for (let model = 0; model < models; model++) {
    for (let file = 0; file < FILES_PER_MODEL; file++) {
      writeRandom(join(folder, `m${model}`, `f${file}`), `start-${model}-${file}`, FILE_BYTES);
    }
    await server.importLinked(join(folder, `m${model}`), `bench/model-${model}`);
  }
  await rm(folder, { recursive: true });
}

async function startOnce(
  context: BenchContext,
): Promise<{ readonly live: number; readonly library: number }> {
  const { larder, folder, processes } = context;
  const port = freePort();
  const env = larderEnv(join(folder, HOME));
  const startMs = performance.now();
  const command = [larder, "serve", "--port", String(port), "--log-format", "json"];
  const child = processes.start(command, { env, cwd: folder, log: join(folder, "start.log") });
  try {
    const url = `http://127.0.0.1:${port}`;
    await firstAnswer(`${url}/health/live`, child);
    const live = performance.now() - startMs;
    await firstAnswer(`${url}/api/models/library`, child);
    return { live, library: performance.now() - startMs };
  } finally {
    await processes.stop(child);
  }
}
