import { type DataFile, warm } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { forEachKind, type Memory, MEMORY_KINDS, peakMemory, readMemory } from "./shared/memory.ts";
import { Nginx } from "./shared/nginx.ts";
import { settle } from "./shared/rounds.ts";
import { type Bench, type BenchContext, GIB, MIB, type Row } from "./shared/types.ts";
import { larderPull } from "./pull-side.ts";

const SIZES_GIB = [1, 4];
const SAMPLE_MS = 20;
/** Pulled once before the idle memory is taken, so that all code that a pull needs has been in use. */
const WARM_UP_BYTES = 64 * MIB;
const IDLE_MS = 2000;
const OVER_IDLE_MIB_MAX = 64;

/** Memory of the server at its highest while it pulls, over what it has when nothing happens. */
export const memory: Bench = {
  name: "memory",
  title: "Memory of the server while pulling, over its idle memory",
  needs: ["nginx"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  await using nginx = await Nginx.start(context);
  const sizes = SIZES_GIB.map((gib) => ({
    name: `${gib} GiB`,
    file: context.data.ensure(`memory-${gib}`, context.size(gib * GIB)),
    over: [] as Memory[],
  }));
  const idle: number[] = [];
  for (let round = 1; round <= context.pairs; round++) {
    for (const { name, file, over } of sizes) {
      const measured = await measure(context, nginx, file, `home-${round}-${file.sizeBytes}`);
      over.push(measured.over);
      idle.push(measured.idle.rss);
      context.say(
        `round ${round} of ${context.pairs}, ${name}: ${measured.over.rss.toFixed(1)} MiB over idle`,
      );
    }
  }
  const rows = sizes.flatMap(({ name, over }) => rowsOf(name, over));
  return [...rows, { what: "idle (rss)", unit: "MiB", larder: idle }];
}

/** Each in a fresh server: memory that a pull before has left behind would count as idle. */
async function measure(
  context: BenchContext,
  nginx: Nginx,
  file: DataFile,
  home: string,
): Promise<{ readonly idle: Memory; readonly over: Memory }> {
  const first = context.data.ensure("memory-warm-up", WARM_UP_BYTES);
  warm([file]);
  await using server = await LarderServer.start(context, home);
  await larderPull(server, { url: nginx.url(first.path), file: first });
  await settle(context);
  await Bun.sleep(IDLE_MS);
  const idle = readMemory(server.pid);
  const source = { url: nginx.url(file.path), file };
  const peak = await peakMemory(server.pid, SAMPLE_MS, () => larderPull(server, source));
  return { idle, over: forEachKind((kind) => peak[kind] - idle[kind]) };
}

function rowsOf(name: string, over: readonly Memory[]): Row[] {
  return MEMORY_KINDS.map((kind) => ({
    what: `${name} (${kind})`,
    unit: "MiB",
    larder: over.map((one) => one[kind]),
    ...(kind === "rss" && { aim: { atMost: OVER_IDLE_MIB_MAX } }),
  }));
}
