import { isLarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { ClearResult } from "../catalog-types.ts";
import type { JobContext } from "../jobs.ts";
import type { Pulls } from "../pulls.ts";
import type { RemoveView } from "../types.ts";

const PAGE = 500;
/** More do not run or wait at once. */
const PULLS_MAX = 1000;

export interface ClearDeps {
  readonly registry: Pick<Registry, "listModels" | "stats">;
  readonly pulls: Pick<Pulls, "list">;
  readonly remove: (model: string) => Promise<RemoveView>;
}

/** Removes model after model, each in one step: what was removed when it ends early stays removed. */
export async function clear({ registry, pulls, remove }: ClearDeps, job: JobContext): Promise<ClearResult> {
  const leftOut: Array<ClearResult["left_out"][number]> = [];
  let models = 0;
  let versions = 0;
  let bytesFreed = 0;
  job.setTotal(registry.stats().blobBytes);
  for (const model of allModels(registry)) {
    job.signal.throwIfAborted();
    const pull = pulls.list({ active: true, limit: PULLS_MAX }).find((one) => one.model === model);
    if (pull !== undefined) {
      leftOut.push({ model, reason: `pull ${pull.id} is ${pull.state}` });
      continue;
    }
    const removed = await removeIfThere(remove, model);
    if (removed === undefined) continue;
    models++;
    versions += removed.versions.length;
    bytesFreed += removed.bytes_freed;
    job.setDone(bytesFreed);
  }
  return { models, versions, bytes_freed: bytesFreed, left_out: leftOut };
}

/** Names order the pages, so those that go meanwhile are no reason to start again. */
function* allModels(registry: Pick<Registry, "listModels">): Generator<string> {
  let after: string | undefined;
  for (;;) {
    const page = registry.listModels({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page.map(({ model }) => model);
    after = page.at(-1)?.model;
    if (page.length < PAGE) return;
  }
}

/** Somebody else may have removed it already. */
async function removeIfThere(remove: ClearDeps["remove"], model: string): Promise<RemoveView | undefined> {
  try {
    return await remove(model);
  } catch (error) {
    if (!isLarderError(error, "MODEL_NOT_FOUND")) throw error;
    return undefined;
  }
}
