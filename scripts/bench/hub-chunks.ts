import { copyFile, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { CHUNK_BYTES } from "../../src/core/index.ts";
import { startLarder } from "./hub-sides.ts";
import { type DataFile, warm } from "./shared/data-files.ts";
import { type Announced, startAnnounced } from "./shared/hub-announced.ts";
import { larderEnv, type LarderServer } from "./shared/larder-server.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

/** Whole chunks, also of an eighth: 80, or 10. */
const FILE_BYTES = 400 * MIB;
/** One chunk of so many is another one in the newer file. */
const OTHER_EVERY = 10;
const MODEL = "bench/chunks";
const PART_MAX = 0.15;

/** From a larder to a larder: only what no local file has goes over the network. */
export const hubChunks: Bench = {
  name: "hub-chunks",
  title: "Pull from another larder of a file that shares 90 % of its chunks with a local one",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const older = context.data.ensure("hub-chunks", context.size(FILE_BYTES));
  const newer = await makeNewer(context, older);
  await using source = await startSource(context, newer);
  const [fetched, sent]: [number[], number[]] = [[], []];
  const measure = async (local: DataFile | undefined) => {
    warm([older, { path: newer }]);
    const sentBefore = await bytesSent(source.said.url);
    const result = await pullInto(context, source.said.hub_url, local);
    if (local !== undefined) {
      fetched.push(result.bytesFetched / MIB);
      sent.push((await bytesSent(source.said.url) - sentBefore) / MIB);
    }
    return result.seconds;
  };
  const times = await interleave(context, { larder: () => measure(older), peer: () => measure(undefined) });
  const peer = fetched.map(() => older.sizeBytes / MIB);
  const row = { against: "bytes of the file", unit: "MiB", peer, aim: { atMost: PART_MAX } } as const;
  return [
    { ...row, what: "bytes fetched, by the pull's account", larder: fetched },
    { ...row, what: "bytes sent, by the other larder's account", larder: sent },
    { what: "time of the pull", against: "the same with nothing local", unit: "s", ...times },
  ];
}

/** Bytes of files in all answers since that larder started. */
async function bytesSent(larderUrl: string): Promise<number> {
  const text = await (await fetch(`${larderUrl}/metrics`)).text();
  const [, value] = /^larder_http_file_bytes_total (\S+)$/m.exec(text) ?? [];
  if (value === undefined) throw new Error(`The larder does not say how much it sent: ${text.slice(0, 500)}`);
  return Number(value);
}

/** The larder that others pull from. */
async function startSource(
  { larder, processes, folder }: BenchContext,
  path: string,
): Promise<Announced<{ readonly url: string; readonly hub_url: string }>> {
  const home = join(folder, "source");
  await mkdir(home);
  const [env, log] = [larderEnv(home), join(folder, "source.log")];
  await processes.run([larder, "import", path, `${MODEL}@1`, "--mode", "hardlink"], { env, cwd: folder });
  const command = [larder, "serve", "--port", "0", "--hub-port", "0", "--json", "--log-format", "json"];
  return await startAnnounced(processes, command, { env, cwd: folder, log });
}

/** Each time with a home of its own, so that the newer file is not there yet. */
async function pullInto(
  context: BenchContext,
  hubUrl: string,
  local: DataFile | undefined,
): Promise<{ readonly seconds: number; readonly bytesFetched: number }> {
  const home = "target";
  try {
    await using server = await startLarder(context, hubUrl, home);
    if (local !== undefined) await server.importLinked(local.path, "bench/older");
    return await pullOnce(server);
  } finally {
    await rm(join(context.folder, home), { recursive: true });
  }
}

async function pullOnce(server: LarderServer) {
  let bytesFetched = Number.NaN;
  const seconds = await timed(async () => {
    const { files } = await server.pull({ model: MODEL });
    bytesFetched = files.reduce((sum, file) => sum + file.bytes_fetched, 0);
  });
  return { seconds, bytesFetched };
}

/** A copy in which every tenth chunk is another one. @returns its path */
async function makeNewer({ folder }: BenchContext, { path, sizeBytes }: DataFile): Promise<string> {
  const newer = join(folder, "newer", "newer-Q8_0.gguf");
  await mkdir(join(folder, "newer"));
  await copyFile(path, newer);
  await using file = await open(newer, "r+");
  for (let start = 0; start < sizeBytes; start += OTHER_EVERY * CHUNK_BYTES) {
    await file.write(new TextEncoder().encode(`other at ${start}`), 0, null, start);
  }
  return newer;
}
