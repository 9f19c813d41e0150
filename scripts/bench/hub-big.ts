import { rm } from "node:fs/promises";
import { join } from "node:path";
import { hubJsName, hubJsPull, larderHubPull, startLarder } from "./hub-sides.ts";
import { type DataFile, warm } from "./shared/data-files.ts";
import { HubProcess } from "./shared/hub-process.ts";
import { hubRepository, largeHubFile } from "./shared/hub-repository.ts";
import { Nginx } from "./shared/nginx.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { findTool } from "./shared/tools.ts";
import { type Bench, type BenchContext, MIB, type Row } from "./shared/types.ts";

const FILES = 4;
const FILE_BYTES = 512 * MIB;

/** The weights of a model in parts, which the hub leaves to another server. */
export const hubBig: Bench = {
  name: "hub-big",
  title: "Pull of 4 files of 512 MiB from a hub",
  needs: ["nginx", "openssl"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const parts = Array.from(
    { length: FILES },
    (_, index) => context.data.ensure(`hub-big-${index}`, context.size(FILE_BYTES)),
  );
  warm(parts);
  await using nginx = await Nginx.start(context);
  const repository = hubRepository(
    "bench/big-GGUF",
    parts.map((part, index) => largeHubFile(partName(index), part, nginx.url(part.path))),
  );
  await using hub = await HubProcess.start(context, [repository]);
  await using server = await startLarder(context, hub.url);
  const own: number[] = [];
  const [checked, flushed]: [number[], number[]] = [[], []];
  const { larder, peer } = await interleave(context, {
    larder: async () => {
      const seconds = await larderHubPull(server, repository, own);
      await server.remove(repository.id);
      return seconds;
    },
    peer: async () => {
      const cacheFolder = join(context.folder, "peer");
      const seconds = await hubJsPull(context, hub, repository, cacheFolder);
      const hashed = seconds + await timed(() => checkDigests(context, cacheFolder, parts));
      checked.push(hashed);
      flushed.push(hashed + await timed(() => context.processes.run(["sync", "-f", cacheFolder])));
      await rm(cacheFolder, { recursive: true });
      return seconds;
    },
  });
  const name = await hubJsName();
  const against = `${name}, no digest`;
  return [
    { what: "through a server", against, unit: "s", larder, peer, aim: { atMost: 0.8 } },
    { what: "by the server's own account", against, unit: "s", larder: own, peer },
    { what: "through a server", against: `${name}, openssl dgst`, unit: "s", larder, peer: checked },
    { what: "through a server", against: `${name}, openssl dgst, sync`, unit: "s", larder, peer: flushed },
  ];
}

async function checkDigests(
  { processes }: BenchContext,
  cacheFolder: string,
  parts: readonly DataFile[],
): Promise<void> {
  const blobs = parts.map(({ sha256 }) => join(cacheFolder, "models--bench--big-GGUF", "blobs", sha256));
  const output = await processes.run([findTool("openssl"), "dgst", "-sha256", ...blobs]);
  const wrong = parts.find(({ sha256 }) => !output.includes(`= ${sha256}`));
  if (wrong) throw new Error(`@huggingface/hub has brought other bytes than ${wrong.path} has`);
}

function partName(index: number): string {
  const number = (value: number) => `${value}`.padStart(5, "0");
  return `big-Q8_0-${number(index + 1)}-of-${number(FILES)}.gguf`;
}
