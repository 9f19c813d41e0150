import { expect, test } from "bun:test";
import { stat, utimes } from "node:fs/promises";
import type { LarderEvent } from "../../../src/core/index.ts";
import type { ScrubSettings } from "../../../src/library/scrub/index.ts";
import { digestOf } from "../../helpers/digest.ts";
import { openTestLibrary, pullAndWait, type TestLibrary } from "../../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../../helpers/origin.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { blobPath, DAMAGE, flipByte, rotByte } from "../../helpers/damage.ts";
import { CHUNK } from "./paced-pass.ts";

/** Reads all the time, as fast as it can. */
const BUSY: ScrubSettings = { bytesPerS: 2 ** 40, hours: "", everyS: 0 };
const SIZE = 2 * CHUNK + 777;
const TIMEOUT_MS = 30_000;

async function pulled(larder: TestLibrary, origin: Origin, name: string, seed: number): Promise<string> {
  const bytes = pseudoRandomBytes(seed, SIZE);
  const urls = [origin.file(`/${name}`, bytes, { etag: `"${name}"` })];
  const { error } = await pullAndWait(larder.library, {
    model: name,
    revision: "1",
    files: [{ path: "f", urls }],
  });
  expect(error).toBeNull();
  origin.requests.length = 0;
  return digestOf(bytes);
}

async function servedDigest(larder: TestLibrary, name: string): Promise<string> {
  const { path } = await larder.library.serveFile(name, "latest", "f");
  return digestOf(await Bun.file(path).bytes());
}

/** What was asked for, without the looks that ask for nothing. */
function rangesOf(origin: Origin, name: string): Array<readonly [number | undefined, number | undefined]> {
  return origin.requestsFor(`/${name}`, "GET").map(({ range }) => [range?.start, range?.end]);
}

const RANGES = { one: [[0, CHUNK]], last: [[2 * CHUNK, SIZE]] } as const;

for (const [index, [name, { harm, chunks }]] of Object.entries(DAMAGE).entries()) {
  const model = name.toLowerCase().replace(" ", "-");

  test(`${name}: the scrub finds it, takes it out of use and has it repaired`, async () => {
    await using origin = await startOrigin();
    await using larder = await openTestLibrary({ settings: { scrub: BUSY } });
    const events: LarderEvent[] = [];
    larder.events.subscribe((event) => events.push(event));
    const digest = await pulled(larder, origin, model, index);
    await harm(blobPath(larder.home, digest));
    larder.library.startScrub();
    await waitUntil(() => events.some(({ type }) => type === "repaired"));
    expect(events.filter(({ type }) => type === "damaged" || type === "repaired")).toMatchObject([
      { type: "damaged", digest },
      { type: "repaired", digest },
    ]);
    expect(digestOf(await Bun.file(blobPath(larder.home, digest)).bytes())).toBe(digest);
    if (chunks !== "all") {
      expect(rangesOf(origin, model)).toEqual([...RANGES[chunks].map((range) => [...range])] as never);
    }
    expect(await larder.library.scrub.report()).toMatchObject({ damaged_found: 1, repaired: 1, lost: [] });
  }, TIMEOUT_MS);

  test(`${name}: whoever asks for the file gets the right bytes, repaired`, async () => {
    await using origin = await startOrigin();
    await using larder = await openTestLibrary();
    const digest = await pulled(larder, origin, model, 10 + index);
    await harm(blobPath(larder.home, digest));
    expect(await servedDigest(larder, model)).toBe(digest);
    if (chunks !== "all") {
      expect(rangesOf(origin, model)).toEqual([...RANGES[chunks].map((range) => [...range])] as never);
    }
  }, TIMEOUT_MS);
}

test(
  "D15: rot that leaves no trace is found by the scrub, and by a path for an engine once it is long unverified",
  async () => {
    await using origin = await startOrigin();
    await using larder = await openTestLibrary();
    const digest = await pulled(larder, origin, "rot", 20);
    await rotByte(blobPath(larder.home, digest), CHUNK + 3);
    const row = larder.registry.findBlob(digest as never);
    await larder.registry.setVerified([{ digest: digest as never, modifiedMs: row?.modifiedMs ?? 0 }], 1000);
    const { files } = await larder.library.path("rot@1");
    expect(digestOf(await Bun.file(files[0]?.local_path ?? "").bytes())).toBe(digest);
    expect(rangesOf(origin, "rot")).toEqual([[CHUNK, 2 * CHUNK]]);
  },
  TIMEOUT_MS,
);

test("a file whose time changed and whose bytes did not is read once, then trusted again", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const digest = await pulled(larder, origin, "touched", 21);
  const path = blobPath(larder.home, digest);
  await utimes(path, 1000, 2000);
  expect(await servedDigest(larder, "touched")).toBe(digest);
  expect(larder.registry.findBlob(digest as never)?.modifiedMs).toBe((await stat(path)).mtimeMs);
  expect(rangesOf(origin, "touched")).toEqual([]);
}, TIMEOUT_MS);

test(
  "D18: what cannot be repaired is named with the reason and by health, without any name; the rest is served",
  async () => {
    await using larder = await openTestLibrary({ settings: { scrub: BUSY }, tuning: { tries: 1 } });
    let digest = "";
    {
      await using origin = await startOrigin();
      digest = await pulled(larder, origin, "gone", 22);
      await pulled(larder, origin, "kept", 23);
    }
    await flipByte(blobPath(larder.home, digest), 5);
    larder.library.startScrub();
    await waitUntil(async () =>
      (await larder.library.scrub.report()).lost[0]?.error !== null &&
      (await larder.library.scrub.report()).lost.length === 1
    );
    expect((await larder.library.scrub.report()).lost).toMatchObject([{
      ...{ sha256: digest, state: "damaged", used_by: ["gone@1/f"], tries: 1 },
      next_try_at: expect.any(Number),
      error: { code: "UPSTREAM_UNREACHABLE" },
    }]);
    const health = await larder.library.health();
    expect(health).toMatchObject({ ready: true, status: "degraded", scrub: { lost: 1, damaged_found: 1 } });
    expect(health.reasons).toMatchObject([{ part: "store" }]);
    expect(JSON.stringify(health)).not.toMatch(new RegExp(`gone|${digest}`));
    expect(await servedDigest(larder, "kept")).toBe(digestOf(pseudoRandomBytes(23, SIZE)));
  },
  TIMEOUT_MS,
);

test("D18: offline, a missing file is refused as missing and no address is asked", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary({ settings: { offline: true } });
  const digest = await pulled(larder, origin, "away", 24);
  await Bun.file(blobPath(larder.home, digest)).delete();
  await expect(Promise.resolve(larder.library.serveFile("away", "1", "f"))).rejects.toMatchObject({
    code: "BLOB_MISSING",
  });
  expect(origin.requests).toEqual([]);
}, TIMEOUT_MS);

test("a blob that nothing needs is not fetched when it is missing", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary({ settings: { scrub: BUSY } });
  const digest = await pulled(larder, origin, "removed", 25);
  await larder.library.remove("removed");
  larder.library.startScrub();
  const { last_pass_at: before } = await larder.library.scrub.report();
  await waitUntil(async () => (await larder.library.scrub.report()).last_pass_at !== before);
  expect(await larder.library.scrub.report()).toMatchObject({ damaged_found: 0, lost: [] });
  expect(await Bun.file(blobPath(larder.home, digest)).exists()).toBe(false);
  expect(origin.requests).toEqual([]);
}, TIMEOUT_MS);

test("a pass that is asked for is refused while the scrub is off", async () => {
  await using larder = await openTestLibrary();
  await expect(larder.library.scrub.run()).rejects.toMatchObject({ code: "BAD_STATE" });
  await expect(larder.library.scrub.configure({ hours: "5" })).rejects.toMatchObject({ code: "BAD_BODY" });
  await expect(larder.library.scrub.configure({ rate_bytes_per_s: -1 })).rejects.toMatchObject({
    code: "BAD_BODY",
  });
});
