import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LarderServer } from "./shared/larder-server.ts";
import { type Memory, MEMORY_KINDS, readMemory } from "./shared/memory.ts";
import { heavyOnnx, ONE_NUMBER, writeModel } from "./shared/onnx-models.ts";
import { settle } from "./shared/rounds.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const MODELS = 50;
const [SMALLEST_MIB, LARGEST_MIB] = [50, 200];
const [QUICK_MODELS, QUICK_MIB] = [6, 30];
const RATIO_MAX = 1.1;

/** What stays behind when models come and go. */
export const modelsMemory: Bench = {
  name: "models-memory",
  title: "Memory of the server after loading and evicting 50 models of 50–200 MiB one after the other",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const first: Memory[] = [];
  const last: Memory[] = [];
  const most: number[] = [];
  for (let round = 1; round <= context.pairs; round++) {
    await using server = await LarderServer.start(context, `home-${round}`);
    const sizes = sizesMib(context);
    const loaded: number[] = [];
    for (const [number, mib] of sizes.entries()) {
      const { held, left } = await comeAndGo(context, server, `bench/m${number}`, mib);
      loaded.push(held);
      if (number === 0) first.push(left);
      if (number === sizes.length - 1) last.push(left);
      context.say(
        `round ${round}, model ${number + 1} of ${sizes.length}, ${mib} MiB: ${held.toFixed(0)} MiB while ` +
          `loaded, ${left.rss.toFixed(0)} MiB after`,
      );
    }
    most.push(Math.max(...loaded));
  }
  const rows = MEMORY_KINDS.map((kind): Row => ({
    what: `after the last model (${kind})`,
    against: "after the first",
    unit: "MiB",
    larder: last.map((memory) => memory[kind]),
    peer: first.map((memory) => memory[kind]),
    ...(kind === "rss" && { aim: { atMost: RATIO_MAX } }),
  }));
  return [...rows, { what: "at the most while one is loaded (rss)", unit: "MiB", larder: most }];
}

/** Spread evenly, in an order that mixes small and large ones. */
function sizesMib({ quick }: BenchContext): number[] {
  if (quick) return new Array<number>(QUICK_MODELS).fill(QUICK_MIB);
  const step = (LARGEST_MIB - SMALLEST_MIB) / (MODELS - 1);
  return Array.from({ length: MODELS }, (_, i) => Math.round(SMALLEST_MIB + step * ((i * 17) % MODELS)));
}

/** Nothing of it is left on disk either: all of them together are more than some disks have. @returns MiB */
async function comeAndGo(
  context: BenchContext,
  server: LarderServer,
  model: string,
  mib: number,
): Promise<{ readonly held: number; readonly left: Memory }> {
  const path = join(context.folder, "model", "model.onnx");
  writeModel(path, heavyOnnx(model, mib * MIB, "all"));
  await server.importLinked(path, model);
  await server.json("POST", "/api/v1/predict", { model, ...ONE_NUMBER });
  const held = readMemory(server.pid).rss;
  await server.json("POST", "/api/cache/evict", { model });
  await server.remove(model);
  await rm(dirname(path), { recursive: true });
  await settle(context);
  return { held, left: readMemory(server.pid) };
}
