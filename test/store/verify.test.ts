import { expect, test } from "bun:test";
import { appendFile, open, rename, stat, truncate, unlink, writeFile } from "node:fs/promises";
import type { Digest } from "../../src/core/index.ts";
import type { BlobInfo, VerifyOutcome } from "../../src/store/index.ts";
import {
  CHUNK,
  chunkDigestsOf,
  commitBytes,
  digestOf,
  errorOf,
  type OpenStore,
  openStore,
  testBytes,
} from "./store-fixture.ts";

async function commitInfo({ store }: OpenStore, bytes: Uint8Array): Promise<BlobInfo> {
  const digest = await commitBytes(store, bytes);
  return { digest, sizeBytes: bytes.byteLength, chunkDigests: chunkDigestsOf(bytes) };
}

async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset);
  await file.write(Buffer.of((buffer[0] ?? 0) ^ 1), 0, 1, offset);
  await file.close();
}

async function verifyOne(home: OpenStore, blob: BlobInfo): Promise<VerifyOutcome | undefined> {
  const outcomes = await home.store.verify([blob]);
  expect(outcomes.length).toBe(1);
  return outcomes[0];
}

const LENGTHS = [1, 1000, CHUNK, CHUNK + 1, 17 * CHUNK + 12_345];

test("intact blobs of every length are intact", async () => {
  await using home = await openStore();
  const blobs = [];
  for (const length of [0, ...LENGTHS]) blobs.push(await commitInfo(home, testBytes(length, length + 1)));
  let bytesDone = 0;
  const outcomes = await home.store.verify(blobs, { onProgress: (bytes) => bytesDone = bytes });
  expect(outcomes.map(({ state }) => state)).toEqual(blobs.map(() => "intact"));
  expect(outcomes.every(({ badChunks }) => badChunks.length === 0)).toBe(true);
  expect(bytesDone).toBe(LENGTHS.reduce((sum, length) => sum + length));
});

test("D15: one flipped byte is found and named by its chunk, first, middle or last", async () => {
  await using home = await openStore();
  const bytes = testBytes(17 * CHUNK + 12_345);
  const blob = await commitInfo(home, bytes);
  const path = home.store.blobPath(blob.digest);
  const places: Array<[offset: number, chunk: number]> = [
    [0, 0],
    [CHUNK - 1, 0],
    [CHUNK, 1],
    [9 * CHUNK + 77, 9],
    [16 * CHUNK, 16],
    [bytes.byteLength - 1, 17],
  ];
  for (const [offset, chunk] of places) {
    await flipByte(path, offset);
    expect(await verifyOne(home, blob)).toEqual({
      digest: blob.digest,
      state: "damaged",
      sizeBytes: bytes.byteLength,
      badChunks: [chunk],
    });
    await flipByte(path, offset);
  }
  expect((await verifyOne(home, blob))?.state).toBe("intact");
});

test("D15: several damaged chunks are all named, in order", async () => {
  await using home = await openStore();
  const blob = await commitInfo(home, testBytes(18 * CHUNK + 5));
  for (const chunk of [18, 2, 17, 0]) await flipByte(home.store.blobPath(blob.digest), chunk * CHUNK + 3);
  expect((await verifyOne(home, blob))?.badChunks).toEqual([0, 2, 17, 18]);
});

test("D15: a flipped byte in a small blob is found without chunk digests", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  await flipByte(home.store.blobPath(digest), 2);
  expect(await verifyOne(home, { digest, sizeBytes: 5 })).toMatchObject({ state: "damaged", badChunks: [0] });
});

test("D16, D17, D18: a cut blob names what is beyond its end, a longer one its last chunk, a missing one all", async () => {
  await using home = await openStore();
  const blob = await commitInfo(home, testBytes(3 * CHUNK + 10));
  const path = home.store.blobPath(blob.digest);
  await appendFile(path, "!");
  expect(await verifyOne(home, blob)).toMatchObject({ state: "damaged", badChunks: [3] });
  await truncate(path, CHUNK + 1);
  expect(await verifyOne(home, blob)).toMatchObject({ state: "damaged", badChunks: [1, 2, 3] });
  await truncate(path, 0);
  expect(await verifyOne(home, blob)).toMatchObject({ state: "damaged", badChunks: [0, 1, 2, 3] });
  await unlink(path);
  expect(await verifyOne(home, blob)).toMatchObject({ state: "missing", badChunks: [0, 1, 2, 3] });
  const { chunkDigests: _, ...untabled } = blob;
  expect(await verifyOne(home, untabled)).toMatchObject({ state: "missing", badChunks: [0, 1, 2, 3] });
});

test("a blob without chunk digests is read whole, and gets them when it is intact", async () => {
  await using home = await openStore();
  for (const length of LENGTHS) {
    const bytes = testBytes(length, length);
    const { digest, sizeBytes, chunkDigests } = await commitInfo(home, bytes);
    const intact = await verifyOne(home, { digest, sizeBytes });
    expect(intact?.state).toBe("intact");
    expect(Buffer.compare(intact?.chunkDigests ?? Buffer.of(), chunkDigests ?? Buffer.of())).toBe(0);
    await flipByte(home.store.blobPath(digest), length - 1);
    const damaged = await verifyOne(home, { digest, sizeBytes });
    expect(damaged?.state).toBe("damaged");
    expect(damaged?.badChunks.length).toBe(Math.ceil(length / CHUNK));
    expect(damaged?.chunkDigests).toBeUndefined();
  }
});

test("a wrong table of chunk digests is replaced, not taken for damage", async () => {
  await using home = await openStore();
  for (const length of [100, 3 * CHUNK + 10]) {
    const bytes = testBytes(length, length);
    const { digest, sizeBytes, chunkDigests = Buffer.of() } = await commitInfo(home, bytes);
    const wrong = chunkDigests.slice();
    wrong[0] = (wrong[0] ?? 0) ^ 1;
    for (const table of [wrong, chunkDigests.slice(0, -32), new Uint8Array(7)]) {
      const outcome = await verifyOne(home, { digest, sizeBytes, chunkDigests: table });
      expect(outcome).toMatchObject({ state: "intact", badChunks: [] });
      expect(Buffer.compare(outcome?.chunkDigests ?? Buffer.of(), chunkDigests)).toBe(0);
    }
  }
});

test("bytes with the right chunks under another digest are damaged", async () => {
  await using home = await openStore();
  const right = await commitInfo(home, testBytes(2 * CHUNK, 1));
  const other = await commitInfo(home, testBytes(2 * CHUNK, 2));
  await rename(home.store.blobPath(other.digest), home.store.blobPath(right.digest));
  expect(await verifyOne(home, right)).toMatchObject({ state: "damaged", badChunks: [0, 1] });
});

test("many small blobs are verified together and the damaged one is told apart", async () => {
  await using home = await openStore();
  const blobs: Array<{ digest: Digest; sizeBytes: number }> = [];
  for (let index = 0; index < 2000; index++) {
    const text = `blob ${index}`;
    const digest = digestOf(text);
    await writeFile(home.store.blobPath(digest), text);
    blobs.push({ digest, sizeBytes: text.length });
  }
  const victim = blobs[1234]?.digest ?? digestOf("");
  await flipByte(home.store.blobPath(victim), 1);
  const heard: string[] = [];
  const outcomes = await home.store.verify(blobs, { onOutcome: ({ digest }) => heard.push(digest) });
  expect(outcomes.length).toBe(2000);
  expect(new Set(heard).size).toBe(2000);
  expect(outcomes.filter(({ state }) => state !== "intact").map(({ digest }) => digest)).toEqual([victim]);
});

test("verify() stops when its signal aborts, also in the middle of a blob", async () => {
  await using home = await openStore({ threads: 1 });
  const sizeBytes = 200 * CHUNK;
  const digest = digestOf("any");
  await writeFile(home.store.blobPath(digest), "");
  await truncate(home.store.blobPath(digest), sizeBytes);
  const zeros = chunkDigestsOf(new Uint8Array(CHUNK));
  const table = new Uint8Array(Buffer.concat(Array.from({ length: 200 }, () => zeros)));
  for (const blob of [{ digest, sizeBytes }, { digest, sizeBytes, chunkDigests: table }]) {
    const stop = new AbortController();
    const reason = new Error("enough");
    let bytesDone = 0;
    const error = await errorOf(() =>
      home.store.verify([blob], {
        signal: stop.signal,
        onProgress: (done) => {
          bytesDone = done;
          stop.abort(reason);
        },
      })
    );
    expect(error).toBe(reason);
    expect(bytesDone).toBeLessThan(sizeBytes);
  }
}, 20_000);

test("checkChunks() reads only the chunks that are asked for, and gives the file's time of change", async () => {
  await using home = await openStore();
  const blob = await commitInfo(home, testBytes(3 * CHUNK + 10));
  const path = home.store.blobPath(blob.digest);
  await flipByte(path, CHUNK + 5);
  const { mtimeMs: modifiedMs } = await stat(path);
  const check = (first: number, end: number) => home.store.checkChunks(blob, { first, end });
  expect(await check(0, 1)).toEqual({ isRight: true, modifiedMs });
  expect(await check(1, 2)).toEqual({ isRight: false, modifiedMs });
  expect(await check(2, 4)).toEqual({ isRight: true, modifiedMs });
  expect(await check(0, 4)).toMatchObject({ isRight: false });
});

test("D16, D17, D18: checkChunks() finds a wrong length by any chunk, and a missing file", async () => {
  await using home = await openStore();
  const blob = await commitInfo(home, testBytes(3 * CHUNK + 10));
  const path = home.store.blobPath(blob.digest);
  const first = () => home.store.checkChunks(blob, { first: 0, end: 1 });
  await appendFile(path, "!");
  expect(await first()).toMatchObject({ isRight: false });
  await truncate(path, 2 * CHUNK);
  expect(await first()).toMatchObject({ isRight: false });
  await unlink(path);
  expect(await first()).toEqual({ isRight: false });
});

test("checkChunks() needs the digests of the chunks, but not for a blob of one", async () => {
  await using home = await openStore();
  const small = await commitBytes(home.store, "hello");
  expect(await home.store.checkChunks({ digest: small, sizeBytes: 5 }, { first: 0, end: 1 })).toMatchObject({
    isRight: true,
  });
  const { digest, sizeBytes } = await commitInfo(home, testBytes(2 * CHUNK));
  expect(await errorOf(() => home.store.checkChunks({ digest, sizeBytes }, { first: 0, end: 1 })))
    .toMatchObject({
      code: "BAD_STATE",
    });
});

test("verify() gives the file's time of change with what is intact", async () => {
  await using home = await openStore();
  const blob = await commitInfo(home, testBytes(9 * CHUNK));
  const { mtimeMs: modifiedMs } = await stat(home.store.blobPath(blob.digest));
  const { chunkDigests: _, ...untabled } = blob;
  expect((await verifyOne(home, blob))?.modifiedMs).toBe(modifiedMs);
  expect((await verifyOne(home, untabled))?.modifiedMs).toBe(modifiedMs);
  expect(home.store.open(blob.digest, blob.sizeBytes).modifiedMs).toBe(modifiedMs);
});
