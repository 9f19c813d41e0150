import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { GcResult, Library } from "../../src/library/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, pullAndWait } from "../helpers/library.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { expectSound } from "../helpers/sound.ts";
import { expectContent, expectDone, fileOf, MIB } from "./pulling.ts";

const ROUNDS = 30;

async function gc(library: Library): Promise<GcResult> {
  let view = await library.gc({ grace_s: 0 });
  for await (view of library.watchJob(view.id));
  return view.result as GcResult;
}

for (
  const [size, bytes] of [["small", pseudoRandomBytes(1, 50_000)], [
    "long",
    pseudoRandomBytes(2, 2 * MIB),
  ]] as const
) {
  test(
    `C09: gc and a pull of the same ${size} digest at once, again and again: either order ends with the blob present`,
    async () => {
      await using origin = await startOrigin();
      await using larder = await openTestLibrary();
      const { library, home, registry } = larder;
      const digest = digestOf(bytes);
      const url = origin.file("/f", bytes);
      let swept = 0;
      let fetched = 0;
      for (let round = 0; round < ROUNDS; round++) {
        // What a removal that was cut short leaves: a blob with its row, and nobody who points to it.
        expectDone(await pullAndWait(library, fileOf(url, { sha256: digest })));
        const { version } = (await library.describe("m")).version;
        await registry.removeVersion("m", version);
        await larder.store.removeManifest("m", version);
        origin.requests.length = 0;
        const collecting = gc(library);
        // Each round a little later than the one before, and in every third one when all is swept.
        for (let turn = 0; turn < round * 3; turn++) await Promise.resolve();
        if (round % 3 === 2) await collecting;
        expectDone(await pullAndWait(library, fileOf(url, { sha256: digest })));
        swept += (await collecting).blobs;
        fetched += origin.requestsFor("/f", "GET").length > 0 ? 1 : 0;
        expect(existsSync(join(home, "blobs", "sha256", digest.slice(0, 2), digest))).toBe(true);
        expect(registry.findBlob(digest as never)?.state).toBe("intact");
        await expectContent(larder, bytes);
        await gc(library);
        await expectContent(larder, bytes);
        await library.remove("m");
      }
      await expectSound(larder);
      expect(swept).toBeGreaterThanOrEqual(ROUNDS / 3);
      expect(fetched).toBe(swept);
    },
    60_000,
  );
}

test("C08: gc while a pull has its blob but no row: the blob survives, whatever its age", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const { library, store, registry } = larder;
  const first = pseudoRandomBytes(3, 2 * MIB);
  const held = Promise.withResolvers<void>();
  const second = origin.on("/second", async (exchange) => {
    await held.promise;
    await exchange.answer(200, { "Content-Length": "3" }, "abc");
  });
  const { id } = await library.pull({
    model: "m",
    files: [{ path: "a", urls: [origin.file("/first", first)], sha256: digestOf(first) }, {
      path: "b",
      urls: [second],
    }],
  });
  for await (const view of library.watchPull(id)) if (view.files[0]?.state === "done") break;
  const digest = digestOf(first) as never;
  expect([registry.findBlob(digest)?.state, registry.isReferenced(digest)]).toEqual(["intact", false]);
  for (let round = 0; round < 3; round++) expect(await gc(library)).toMatchObject({ blobs: 0 });
  expect(store.has(digest)).toBe(true);
  expect(registry.findBlob(digest)?.state).toBe("intact");
  held.resolve();
  for await (const _view of library.watchPull(id));
  await expectContent(larder, first, { path: "a" });
  await expectSound(larder);
}, 20_000);
