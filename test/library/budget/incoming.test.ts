import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { truncate, utimes } from "node:fs/promises";
import { join } from "node:path";
import { partsToDelete } from "../../../src/library/budget/incoming-quota.ts";
import type { JobView, LibrarySettings } from "../../../src/library/index.ts";
import { digestOf } from "../../helpers/digest.ts";
import { openTestLibrary, pullAndWait, type TestLibrary, waitForPull } from "../../helpers/library.ts";
import { pseudoRandomBytes, startOrigin } from "../../helpers/origin.ts";
import { incoming, partOf } from "../../helpers/sound.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { exactly, expectDone, expectFailed, fileOf, MIB } from "../pulling.ts";

const DAY_S = 86_400;

describe("partsToDelete()", () => {
  const part = (key: string, ageS: number, diskBytes: number) => ({
    key,
    diskBytes,
    writtenAtS: 1000 - ageS,
  });
  const PARTS = [part("c", 10, 30), part("a", 30, 10), part("b", 20, 20)];
  const keys = (quota: { maxAgeS: number; bytesMax: number }, ...kept: string[]) =>
    partsToDelete(PARTS, quota, { isKept: (key) => kept.includes(key), nowS: 1000 }).map(({ key }) => key);

  test.each<[string, number, number, string[], string[]]>([
    ["nothing within the quota", 100, 60, [], []],
    ["what is too old", 20, 100, [], ["a", "b"]],
    ["the oldest, until the rest is no more than the quota", 100, 50, [], ["a"]],
    ["as many as it takes", 100, 49, [], ["a", "b"]],
    ["all, when nothing may stay", 100, 0, [], ["a", "b", "c"]],
    ["never what is kept, which counts", 100, 30, ["a"], ["b", "c"]],
    ["never what is kept, however old", 0, 0, ["a", "b", "c"], []],
  ])("%s", (_, maxAgeS, bytesMax, kept, expected) => {
    expect(keys({ maxAgeS, bytesMax }, ...kept)).toEqual(expected);
  });
});

/** A part as a process leaves it that was killed so long ago. */
async function leavePart(
  { home, store }: TestLibrary,
  name: string,
  ageS: number,
  bytes: number,
): Promise<string> {
  const key = digestOf(name);
  const open = await store.openPart(key);
  await Bun.write(open.path, pseudoRandomBytes(name.length, bytes));
  await open.close();
  await makeOld(home, key, ageS);
  return key;
}

async function makeOld(home: string, key: string, ageS: number): Promise<void> {
  const at = Date.now() / 1000 - ageS;
  const { part, journal } = partOf(home, key);
  for (const path of [part, journal]) await utimes(path, at, at);
}

function keysIn(home: string): string[] {
  return [...new Set(incoming(home).map((name) => name.slice(0, name.lastIndexOf("."))))];
}

function incomingOf(quota: LibrarySettings["disk"]["incoming"]): LibrarySettings["disk"] {
  return { bytesMax: 0, freeMin: 0, policy: "oldest", incoming: quota };
}

test(
  "D30: a start deletes old partial downloads, but none that a pull will resume or a repair waits for",
  async () => {
    await using origin = await startOrigin();
    await using first = await openTestLibrary();
    const long = pseudoRandomBytes(1, 12 * MIB);
    const url = origin.file("/f", long, { etag: '"1"' });
    origin.bytesPerSecond = 8 * MIB;
    const { id } = await first.library.pull(fileOf(url, exactly(long)));
    for await (const view of first.library.watchPull(id)) if (view.bytes_done > 6 * MIB) break;
    await first.library.pausePull(id);
    const damaged = pseudoRandomBytes(2, 11 * MIB);
    expectDone(await pullAndWait(first.library, fileOf(origin.file("/d", damaged), {}, "damaged")));
    const blob = join(first.home, "blobs", "sha256", digestOf(damaged).slice(0, 2), digestOf(damaged));
    await truncate(blob, 10 * MIB);
    const verified = await first.library.verify({});
    for await (const _view of first.library.watchJob(verified.id) as AsyncIterable<JobView>);
    const young = await leavePart(first, "young", DAY_S, MIB);
    const old = await leavePart(first, "old", 8 * DAY_S, MIB);
    for (const key of [digestOf(long), digestOf(damaged)]) await makeOld(first.home, key, 30 * DAY_S);
    expect(keysIn(first.home).toSorted()).toEqual([digestOf(long), digestOf(damaged), young, old].toSorted());
    await first.close();

    origin.bytesPerSecond = Infinity;
    const disk = incomingOf({ maxAgeS: 7 * DAY_S, bytesMax: "100%" });
    await using second = await openTestLibrary({ home: first.home, disk });
    second.library.keepBudget();
    await waitUntil(() => !existsSync(partOf(first.home, old).part));
    expect(keysIn(second.home).toSorted()).toEqual([digestOf(long), digestOf(damaged), young].toSorted());
    origin.requests.length = 0;
    expectDone(await waitForPull(second.library, (await second.library.resumePull(id)).id));
    expect(origin.requestsFor("/f", "GET")[0]?.range?.start).toBeGreaterThan(4 * MIB);
  },
  20_000,
);

test("D30: of too many partial downloads the oldest go until the rest is within the quota", async () => {
  await using first = await openTestLibrary();
  const [, , third] = [
    await leavePart(first, "1", 300, 2 * MIB),
    await leavePart(first, "22", 200, 2 * MIB),
    await leavePart(first, "333", 100, 2 * MIB),
  ];
  await first.close();
  const disk = incomingOf({ maxAgeS: DAY_S, bytesMax: 3 * MIB });
  await using second = await openTestLibrary({ home: first.home, disk });
  second.library.keepBudget();
  await waitUntil(() => keysIn(second.home).length === 1);
  expect(keysIn(second.home)).toEqual([third ?? ""]);
}, 20_000);

test("D30: what a pull that failed left is kept as long as others, and then gone", async () => {
  await using origin = await startOrigin();
  const bytes = pseudoRandomBytes(3, 12 * MIB);
  const url = origin.file("/f", bytes, { etag: '"1"' });
  origin.fault("/f", [{ kind: "cut", afterBytes: 8 * MIB }, { kind: "status", status: 404 }]);
  await using first = await openTestLibrary();
  expectFailed(await pullAndWait(first.library, fileOf(url, exactly(bytes))), "UPSTREAM_NOT_FOUND");
  expect(keysIn(first.home)).toEqual([digestOf(bytes)]);
  await makeOld(first.home, digestOf(bytes), 2 * DAY_S);
  await first.close();
  const disk = incomingOf({ maxAgeS: DAY_S, bytesMax: "100%" });
  await using second = await openTestLibrary({ home: first.home, disk });
  second.library.keepBudget();
  await waitUntil(() => incoming(second.home).length === 0);
}, 20_000);
