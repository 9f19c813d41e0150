import { expect, test } from "bun:test";
import { ftruncateSync, writeSync } from "node:fs";
import { unpackDigests } from "../../src/core/index.ts";
import type { Part } from "../../src/store/index.ts";
import { CHUNK, chunkDigestsOf, codeOf, digestOf, errorOf, openStore, testBytes } from "./store-fixture.ts";

const KEY = `u-${"a".repeat(64)}`;

async function openWith(store: { openPart(key: string): Promise<Part> }, bytes: Uint8Array): Promise<Part> {
  const part = await store.openPart(KEY);
  if (bytes.byteLength > 0) writeSync(part.fd, bytes, 0, bytes.byteLength, 0);
  return part;
}

test("a follower gives the digest of the whole and of each chunk, in order, for every length around a chunk", async () => {
  await using home = await openStore();
  for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 12_345]) {
    const bytes = testBytes(length, length);
    const part = await openWith(home.store, bytes);
    const told: string[] = [];
    const follower = part.follow({ onChunk: (index, digest) => told.push(`${index} ${digest}`) });
    for (let front = 0; front < length; front += 700_001) follower.advance(front);
    const { digest, chunkDigests } = await follower.finish(length);
    expect([length, digest]).toEqual([length, digestOf(bytes)]);
    expect(Buffer.compare(chunkDigests, chunkDigestsOf(bytes))).toBe(0);
    expect(told).toEqual(unpackDigests(chunkDigestsOf(bytes)).map((chunk, index) => `${index} ${chunk}`));
    await part.discard();
  }
});

test("a follower reads no further than the front", async () => {
  await using home = await openStore();
  const bytes = testBytes(2 * CHUNK);
  const part = await openWith(home.store, new Uint8Array(2 * CHUNK));
  let heard = () => {};
  const first = new Promise<void>((resolve) => heard = resolve);
  const follower = part.follow({ onChunk: () => heard() });
  writeSync(part.fd, bytes, 0, CHUNK, 0);
  follower.advance(CHUNK);
  await first;
  writeSync(part.fd, bytes, CHUNK, CHUNK, CHUNK);
  expect((await follower.finish(2 * CHUNK)).digest).toBe(digestOf(bytes));
});

test("a recorded chunk with other bytes is reported, and hashed again when it was rewritten", async () => {
  await using home = await openStore();
  const bytes = testBytes(3 * CHUNK + 100);
  const recorded = new Map(unpackDigests(chunkDigestsOf(bytes)).map((digest, index) => [index, digest]));
  for (const bad of [[0], [1], [3], [0, 1, 2, 3]]) {
    const lost = bytes.slice();
    for (const index of bad) lost[index * CHUNK + 50] = (lost[index * CHUNK + 50] ?? 0) ^ 1;
    const part = await openWith(home.store, lost);
    const reported: number[] = [];
    const told: number[] = [];
    const follower = part.follow({
      recorded,
      onChunk: (index) => told.push(index),
      onBadChunk: (index) => {
        reported.push(index);
        const end = Math.min((index + 1) * CHUNK, bytes.byteLength);
        writeSync(part.fd, bytes, index * CHUNK, end - index * CHUNK, index * CHUNK);
        follower.chunkRewritten(index);
      },
    });
    const { digest, chunkDigests } = await follower.finish(bytes.byteLength);
    expect(reported).toEqual(bad);
    expect(told).toEqual([0, 1, 2, 3]);
    expect(digest).toBe(digestOf(bytes));
    expect(Buffer.compare(chunkDigests, chunkDigestsOf(bytes))).toBe(0);
    await part.discard();
  }
});

test("an expected chunk is reported as often as it is wrong", async () => {
  await using home = await openStore();
  const bytes = testBytes(2 * CHUNK);
  const expected = new Map(unpackDigests(chunkDigestsOf(bytes)).map((digest, index) => [index, digest]));
  const wrong = bytes.slice();
  wrong[CHUNK] = (wrong[CHUNK] ?? 0) ^ 1;
  const part = await openWith(home.store, wrong);
  const reported: number[] = [];
  const follower = part.follow({
    expected,
    onBadChunk: (index) => {
      reported.push(index);
      if (reported.length === 3) writeSync(part.fd, bytes, CHUNK, CHUNK, CHUNK);
      follower.chunkRewritten(index);
    },
  });
  expect((await follower.finish(bytes.byteLength)).digest).toBe(digestOf(bytes));
  expect(reported).toEqual([1, 1, 1]);
  await part.discard();
});

test("several followers share a thread without waiting for each other's end", async () => {
  await using home = await openStore({ threads: 1 });
  const stalled = await openWith(home.store, testBytes(CHUNK));
  const waiting = stalled.follow();
  waiting.advance(CHUNK);
  const bytes = testBytes(4 * CHUNK, 9);
  const part = await home.store.openPart(`u-${"b".repeat(64)}`);
  writeSync(part.fd, bytes, 0, bytes.byteLength, 0);
  expect((await part.follow().finish(bytes.byteLength)).digest).toBe(digestOf(bytes));
  expect((await waiting.finish(CHUNK)).digest).toBe(digestOf(testBytes(CHUNK)));
});

test("a follower that is cancelled, or whose part was cut, ends with an error", async () => {
  await using home = await openStore();
  const part = await openWith(home.store, testBytes(CHUNK));
  const cancelled = part.follow();
  cancelled.cancel();
  expect(await codeOf(() => cancelled.finish(CHUNK))).toBe("CANCELLED");
  ftruncateSync(part.fd, 1000);
  expect(await errorOf(() => part.follow().finish(CHUNK))).toMatchObject({ code: "IO", retryable: true });
});

test("discarding a part ends its follower before the descriptor is closed", async () => {
  await using home = await openStore();
  const part = await openWith(home.store, testBytes(CHUNK));
  const follower = part.follow();
  follower.advance(CHUNK);
  await part.discard();
  expect(await codeOf(() => follower.finish(CHUNK))).toBe("CANCELLED");
});
