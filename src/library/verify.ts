import { chunkCount, type Events } from "../core/index.ts";
import type { BlobRow, Registry } from "../registry/index.ts";
import type { BlobStore, VerifyOutcome } from "../store/index.ts";
import type { JobContext } from "./jobs.ts";
import type { Quarantine } from "./quarantine.ts";
import { findTargets } from "./targets.ts";
import type { DamageView, UpkeepRequest, VerifyResult } from "./types.ts";

const USED_BY_MAX = 10;

export interface VerifyDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "verify">;
  readonly quarantine: Quarantine;
  readonly events: Events;
  readonly nowS: () => number;
}

/** Reads blobs through; what is damaged is taken out of use and named, unless it is a dry run. */
export async function verify(
  deps: VerifyDeps,
  request: UpkeepRequest,
  job: JobContext,
): Promise<VerifyResult> {
  const blobs = findTargets(deps.registry, request.targets);
  const bytes = blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
  job.setTotal(bytes);
  const outcomes = await deps.store.verify(blobs, {
    signal: job.signal,
    onProgress: (bytesDone) => job.setDone(bytesDone),
  });
  job.signal.throwIfAborted();
  const rows = new Map(blobs.map((blob) => [blob.digest, blob]));
  const bad = outcomes.filter((outcome) => outcome.state !== "intact");
  if (request.dry_run !== true) await note(deps, outcomes, rows);
  return {
    blobs: outcomes.length,
    bytes,
    intact: outcomes.length - bad.length,
    damaged: bad.map((outcome) => damageView(deps.registry, outcome)),
  };
}

async function note(
  deps: VerifyDeps,
  outcomes: readonly VerifyOutcome[],
  rows: ReadonlyMap<string, BlobRow>,
): Promise<void> {
  const intact = outcomes.filter((outcome) => outcome.state === "intact");
  await deps.registry.setVerified(
    intact,
    deps.nowS(),
  );
  for (const outcome of outcomes) {
    const row = rows.get(outcome.digest);
    if (outcome.state === "intact" || row === undefined) continue;
    await deps.quarantine.takeOut(row, outcome);
  }
}

function damageView(registry: Registry, outcome: VerifyOutcome): DamageView {
  const names = registry.namesOf(outcome.digest, USED_BY_MAX);
  return {
    sha256: outcome.digest,
    size_bytes: outcome.sizeBytes,
    state: outcome.state === "missing" ? "missing" : "damaged",
    bad_chunks: outcome.badChunks,
    chunk_count: chunkCount(outcome.sizeBytes),
    used_by: names.map(({ model, version, path }) => `${model}@${version}/${path}`),
  };
}
