import { expect, test } from "bun:test";
import { type ErrorCode, LarderError } from "../../src/core/index.ts";
import { preloadOne } from "../../src/preload/attempt.ts";
import type { PreloadModels, Ranked } from "../../src/preload/index.ts";
import { STATS } from "../http/models-stand-in.ts";

const FOUND = { model: "a", version: "1", variant: "default", sizeBytes: 10, count: 0, usedAtS: 0 };
const ONE: Ranked = {
  ...{ reference: "a", origin: "user", priority: 0, addedAtS: 0, found: FOUND },
  ...{ score: 0, reason: "was never used" },
};

type Explained = Awaited<ReturnType<PreloadModels["explain"]>>["outcome"];

/** Models that say this of every load, and that every load ends with this. */
function models(outcome: Explained, error?: unknown): PreloadModels {
  return {
    explain: async () => ({ outcome, key: "bad@1:default", estimated_bytes: 10 }),
    load: () => error === undefined ? Promise.resolve(FOUND) : Promise.reject(error),
    cacheStats: () => STATS,
  };
}

function attempt(of: PreloadModels, signal = new AbortController().signal) {
  return preloadOne({ models: of, nowMs: () => 0 }, ONE, signal);
}

test.each<[ErrorCode, object]>([
  ["CANCELLED", { kind: "gave_way" }],
  ["CACHE_FULL", { kind: "skipped", why: "room" }],
  ["MODEL_TOO_LARGE", { kind: "skipped", why: "room" }],
  ["MODEL_FAILED", { kind: "skipped", why: "aside" }],
  ["MODEL_SET_ASIDE", { kind: "skipped", why: "aside" }],
  ["BLOB_REPAIRING", { kind: "skipped", why: "repair" }],
  ["VARIANT_NOT_FOUND", { kind: "skipped", why: "absent" }],
  ["MODEL_BROKEN", { kind: "failed", reason: "Cannot load a" }],
  ["MODEL_CRASHED", { kind: "failed", reason: "Cannot load a" }],
])("a load that ends with %s", async (code, outcome) => {
  expect(await attempt(models("fits", new LarderError(code, "Cannot load a")))).toMatchObject(outcome);
});

test.each<[Explained, object]>([
  ["fits", { kind: "loaded", loadMs: 0 }],
  ["loaded", { kind: "skipped", why: "loaded", reason: "is loaded" }],
  ["loading", { kind: "skipped", why: "loading", reason: "is being loaded" }],
  ["refused", {
    kind: "skipped",
    why: "aside",
    reason: "failed before, and is refused for a while: Cannot load it",
  }],
  ["evicts", { kind: "skipped", why: "room" }],
  ["waits", { kind: "skipped", why: "room" }],
  ["blocked", { kind: "skipped", why: "room" }],
  ["too_large", { kind: "skipped", why: "room" }],
])("where a load %s", async (outcome, expected) => {
  expect(await attempt(models(outcome))).toMatchObject(expected);
});

test("a stop of the process, or of whoever asked, is no failure of the model", async () => {
  const stopped = new LarderError("SHUTTING_DOWN", "Cannot load a: larder is stopping");
  await expect(attempt(models("fits", stopped))).rejects.toBe(stopped);
  const reason = new Error("left");
  await expect(attempt(models("fits", new Error("aborted")), AbortSignal.abort(reason))).rejects.toBe(reason);
});
