import { join } from "node:path";
import { type Announced, startAnnounced } from "./hub-announced.ts";
import type { BenchContext } from "./types.ts";

const PEER = join(import.meta.dir, "json-peer.ts");

/** A server that has nothing but one text. */
export async function startJsonPeer(
  { processes, folder }: BenchContext,
  text: string,
): Promise<Announced<{ readonly url: string }>> {
  const path = join(folder, "peer.json");
  await Bun.write(path, text);
  return startAnnounced(processes, [process.execPath, PEER, path], { log: join(folder, "peer.log") });
}

/** The name of the peer in tables, with its version. */
export async function honoName(): Promise<string> {
  const { dependencies } = await Bun.file(join(import.meta.dir, "../../../package.json")).json();
  return `hono ${dependencies.hono}`;
}
