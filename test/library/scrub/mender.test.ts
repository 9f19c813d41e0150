import { expect, test } from "bun:test";
import { LarderError } from "../../../src/core/index.ts";
import { Mender } from "../../../src/library/scrub/mender.ts";
import type { BlobRow } from "../../../src/registry/index.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { blobRow } from "./paced-pass.ts";

const HOUR_MS = 3600_000;
const AWAY = new LarderError("UPSTREAM_UNREACHABLE", "Cannot reach it", { retryable: true });
const GONE = new LarderError("BLOB_MISSING", "Cannot repair it: no source has it");

/** Mends blobs that end in what `outcome` says, with a clock that stands still. */
function startMender(outcome: (blob: BlobRow) => LarderError | undefined, blobs: readonly BlobRow[]) {
  const clock = new FakeClock(1e12);
  const lost = new Map(blobs.map((blob) => [blob.digest, { ...blob, state: "damaged" as const }]));
  const tries: Array<readonly [digit: string, atS: number]> = [];
  const state = { mayMend: true };
  const mender = new Mender({
    registry: {
      findBlob: (digest) => lost.get(digest) ?? blobs.find((blob) => blob.digest === digest),
      lostBlobs: () => [...lost.values()],
      namesOf: () => [{ model: "iris", version: "1", path: "f" }],
    },
    repair: {
      blob: (blob) => {
        tries.push([blob.digest.charAt(0), (clock.monotonicMs() - 1e12) / 1000]);
        const error = outcome(blob);
        if (error !== undefined) return Promise.reject(error);
        lost.delete(blob.digest);
        return Promise.resolve({ bytesFetched: 1, chunksFetched: 1 });
      },
    },
    clock,
    mayMend: () => state.mayMend,
  });
  const stopping = new AbortController();
  const running = mender.run(stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  const stop = async () => {
    stopping.abort(new Error("stopped"));
    await running;
  };
  return { clock, mender, tries, state, lost, stop };
}

test("a repair whose failure may pass is tried six times with growing pauses, then given up until the next pass", async () => {
  const at = startMender(() => AWAY, [blobRow("a", 1)]);
  await at.clock.advance(100 * HOUR_MS);
  expect(at.tries.map(([, atS]) => atS)).toEqual([0, 30, 150, 630, 2550, 10_230]);
  expect(at.mender.list()).toMatchObject([{
    ...{ tries: 6, next_try_at: null, used_by: ["iris@1/f"], state: "damaged" },
    error: { code: "UPSTREAM_UNREACHABLE" },
  }]);
  at.mender.tryAgain();
  await at.clock.advance(1000);
  expect(at.tries).toHaveLength(7);
  await at.stop();
});

test("a repair that cannot work is tried once, and keeps none of the others from theirs", async () => {
  const at = startMender(
    ({ digest }) => digest.startsWith("a") ? GONE : undefined,
    [blobRow("a", 1), blobRow("b", 1)],
  );
  await at.clock.advance(100 * HOUR_MS);
  expect(at.tries).toEqual([["a", 0], ["b", 0]]);
  expect(at.mender.list()).toMatchObject([{ tries: 1, next_try_at: null, error: { code: "BLOB_MISSING" } }]);
  await at.stop();
});

test("nothing is mended while it may not be, and at once when it may", async () => {
  const at = startMender(() => undefined, [blobRow("a", 1)]);
  at.state.mayMend = false;
  at.mender.wake();
  await at.clock.advance(0);
  at.lost.set(blobRow("b", 1).digest, { ...blobRow("b", 1), state: "damaged" });
  at.mender.wake();
  await at.clock.advance(HOUR_MS);
  expect(at.tries.filter(([digit]) => digit === "b")).toEqual([]);
  at.state.mayMend = true;
  at.mender.wake();
  await at.clock.advance(0);
  expect(at.tries.filter(([digit]) => digit === "b")).toEqual([["b", 3600]]);
  expect(at.mender.list()).toEqual([]);
  await at.stop();
});
