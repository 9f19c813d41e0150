import { join } from "node:path";
import { type Announced, startAnnounced } from "./hub-announced.ts";
import type { BenchContext } from "./types.ts";

const PEER = join(import.meta.dir, "onnx-peer.ts");

/** A server that does nothing but run a model and answer. */
export function startOnnxPeer(
  { processes, folder }: BenchContext,
  model: string,
  features: readonly number[],
): Promise<Announced<{ readonly url: string }>> {
  const command = [process.execPath, PEER, "serve", model, JSON.stringify(features)];
  return startAnnounced(processes, command, { log: join(folder, "peer.log") });
}

/** Whether threads of the runtime that have nothing to do wait busily: its default, and bad where others want the cores. */
export type Spin = "0" | "1";

export interface BareRuns {
  /** Without loading. */
  readonly seconds: number;
  /** The number that comes out. */
  readonly y: number;
}

/** So many runs in a row in a process of its own. */
export async function bareRuns(
  { processes }: BenchContext,
  model: string,
  runs: number,
  spin: Spin = "1",
): Promise<BareRuns> {
  return JSON.parse(await processes.run([process.execPath, PEER, "time", model, String(runs), spin]));
}

/** The name of the peer in tables, with its version. */
export async function onnxName(): Promise<string> {
  const { dependencies, devDependencies } = await Bun.file(
    join(import.meta.dir, "..", "..", "..", "package.json"),
  ).json();
  return `onnxruntime-node ${{ ...devDependencies, ...dependencies }["onnxruntime-node"]}`;
}
