import { join } from "node:path";
import { hubJsName, hubJsPull, larderHubPull, startLarder } from "./hub-sides.ts";
import { writeRandom } from "./shared/data-files.ts";
import { HubProcess } from "./shared/hub-process.ts";
import { type HubRepository, hubRepository, smallHubFile } from "./shared/hub-repository.ts";
import { interleave } from "./shared/rounds.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

const FILES = 400;
const MIN_BYTES = 2_000;
const MAX_BYTES = 200_000;

/**
 * Files that have no other digest than the one of Git. Nothing is deleted between two rounds: for 5 seconds ext4 looks at every
 * inode that was just freed before it gives a new one.
 */
export const hubSmall: Bench = {
  name: "hub-small",
  title: "Pull of 400 small files (40 MB) from a hub",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  // Other bytes in every round: what was there once must not be found again.
  const rounds = Array.from({ length: context.pairs }, (_, round) => smallRepository(context, round));
  await using hub = await HubProcess.start(context, rounds);
  await using server = await startLarder(context, hub.url);
  const [forLarder, forPeer] = [rounds.entries(), rounds.entries()];
  const own: number[] = [];
  const times = await interleave(context, {
    larder: () => larderHubPull(server, next(forLarder)[1], own),
    peer: () => {
      const [round, repository] = next(forPeer);
      return hubJsPull(context, hub, repository, join(context.folder, `peer-${round}`));
    },
  });
  const against = await hubJsName();
  return [
    { what: "through a server", against, unit: "s", ...times, aim: { atMost: 1 } },
    { what: "by the server's own account", against, unit: "s", larder: own, peer: times.peer },
  ];
}

/** Sizes are spread evenly; the mean is 101 kB. */
export function smallRepository({ folder }: Pick<BenchContext, "folder">, round: number): HubRepository {
  const files = Array.from({ length: FILES }, (_, index) => {
    const path = `data/part-${index % 8}/${`${index}`.padStart(4, "0")}.bin`;
    const sizeBytes = Math.round(MIN_BYTES + (MAX_BYTES - MIN_BYTES) * ((index * 173) % FILES) / (FILES - 1));
    const localPath = join(folder, `round-${round}`, path);
    writeRandom(localPath, `hub-small-${round}-${index}`, sizeBytes);
    return smallHubFile(path, localPath);
  });
  return hubRepository(`bench/small-${round}`, files);
}

function next<T>(of: Iterator<T>): T {
  const { value, done } = of.next();
  if (done) throw new Error("There is no repository for this round");
  return value;
}
