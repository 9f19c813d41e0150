import { expect, test } from "bun:test";
import { open, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { JobView, Library, RepairResult, VerifyResult } from "../../src/library/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, pullAndWait, type TestLibrary } from "../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const MIB = 1024 * 1024;
const CHUNK = 5 * MIB;

async function jobDone(library: Library, job: Promise<JobView>): Promise<JobView> {
  let view = await job;
  for await (view of library.watchJob(view.id));
  return view;
}

function blobPath(home: string, digest: string): string {
  return join(home, "blobs", "sha256", digest.slice(0, 2), digest);
}

async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, position);
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, position);
  await file.close();
}

async function pulled(
  larder: TestLibrary,
  origin: Origin,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const url = origin.file(`/${name}`, bytes, { etag: `"${name}"` });
  const pull = await pullAndWait(larder.library, {
    model: name,
    revision: "1",
    files: [{ path: "f", urls: [url] }],
  });
  expect(pull.error).toBeNull();
  return digestOf(bytes);
}

test("D15: one flipped byte in each of three blobs is found, named by chunk, and repaired by fetching that chunk only", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const cases = [
    { name: "first", bytes: pseudoRandomBytes(1, 3 * CHUNK), position: 17, chunk: 0, asked: [0, CHUNK] },
    {
      name: "middle",
      bytes: pseudoRandomBytes(2, 4 * CHUNK + 1),
      position: 2 * CHUNK,
      chunk: 2,
      asked: [2 * CHUNK, 3 * CHUNK],
    },
    {
      name: "last",
      bytes: pseudoRandomBytes(3, 2 * CHUNK + 777),
      position: 2 * CHUNK + 776,
      chunk: 2,
      asked: [2 * CHUNK, 2 * CHUNK + 777],
    },
  ];
  for (const { name, bytes, position } of cases) {
    await flipByte(blobPath(larder.home, await pulled(larder, origin, name, bytes)), position);
  }

  const verified = (await jobDone(larder.library, larder.library.verify({}))).result as VerifyResult;
  expect(verified.intact).toBe(0);
  const found = new Map(verified.damaged.map((damage) => [damage.sha256, damage]));
  for (const { name, bytes, chunk } of cases) {
    expect(found.get(digestOf(bytes))?.bad_chunks).toEqual([chunk]);
    expect(found.get(digestOf(bytes))?.used_by).toEqual([`${name}@1/f`]);
  }

  origin.requests.length = 0;
  const repaired = (await jobDone(larder.library, larder.library.repair({}))).result as RepairResult;
  expect(repaired.failed).toEqual([]);
  for (const { name, bytes, asked } of cases) {
    const ranges = origin.requestsFor(`/${name}`, "GET").map((
      request,
    ) => [request.range?.start, request.range?.end]);
    expect(ranges).toEqual([asked]);
    expect(digestOf(await Bun.file(blobPath(larder.home, digestOf(bytes))).bytes())).toBe(digestOf(bytes));
    expect(repaired.repaired.find(({ sha256 }) => sha256 === digestOf(bytes))?.chunks_fetched).toBe(1);
  }
  const again = (await jobDone(larder.library, larder.library.verify({}))).result as VerifyResult;
  expect(again.intact).toBe(3);
});

test("D16/D17/D18: a truncated, an extended and a missing blob are fetched again when they are asked for", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const damage: Record<string, (path: string, size: number) => Promise<void>> = {
    truncated: (path) => truncate(path, 10),
    empty: (path) => truncate(path, 0),
    extended: (path, size) => truncate(path, size + 1),
    missing: (path) => rm(path),
  };
  for (const [index, [name, harm]] of Object.entries(damage).entries()) {
    const bytes = pseudoRandomBytes(10 + index, CHUNK + 100);
    const digest = await pulled(larder, origin, name, bytes);
    await harm(blobPath(larder.home, digest), bytes.length);
    const served = await larder.library.serveFile(name, "latest", "f");
    expect(digestOf(await Bun.file(served.path).bytes())).toBe(digest);
  }
});

test("D18: a missing blob whose origin is away is named, and nothing else suffers", async () => {
  await using larder = await openTestLibrary({ tuning: { tries: 1 } });
  const bytes = pseudoRandomBytes(4, 1000);
  {
    await using origin = await startOrigin();
    await pulled(larder, origin, "gone", bytes);
    await pulled(larder, origin, "kept", pseudoRandomBytes(5, 1000));
  }
  await rm(blobPath(larder.home, digestOf(bytes)));
  await expect(Promise.resolve(larder.library.serveFile("gone", "latest", "f"))).rejects.toMatchObject({
    code: "UPSTREAM_UNREACHABLE",
  });
  expect((await larder.library.serveFile("kept", "latest", "f")).sizeBytes).toBe(1000);
});

test("verify() as a dry run names the damage and changes nothing", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const digest = await pulled(larder, origin, "x", pseudoRandomBytes(6, 2 * CHUNK));
  await flipByte(blobPath(larder.home, digest), CHUNK);
  const result = (await jobDone(larder.library, larder.library.verify({ dry_run: true })))
    .result as VerifyResult;
  expect(result.damaged[0]?.bad_chunks).toEqual([1]);
  expect(await readdir(join(larder.home, "incoming"))).toEqual([]);
  expect(larder.registry.findBlob(digest as never)?.state).toBe("intact");
});

test("verify() of one reference looks at its blobs only", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  await pulled(larder, origin, "a", pseudoRandomBytes(7, 1000));
  await pulled(larder, origin, "b", pseudoRandomBytes(8, 2000));
  const result = (await jobDone(larder.library, larder.library.verify({ targets: ["b@1"] })))
    .result as VerifyResult;
  expect([result.blobs, result.bytes]).toEqual([1, 2000]);
  const job = await jobDone(larder.library, larder.library.verify({ targets: ["nobody"] }));
  expect(job.error?.code).toBe("MODEL_NOT_FOUND");
});

test("verify() of a variant looks at its blobs only, in whatever version, and says when none has it", async () => {
  await using larder = await openTestLibrary();
  await using folder = await tempFolder();
  for (
    const [version, variant, sizeBytes] of [["1", "q4", 100], ["1", "q8", 200], ["2", "q4", 50]] as const
  ) {
    const path = join(folder.path, `${version}-${variant}.bin`);
    await Bun.write(path, pseudoRandomBytes(sizeBytes, sizeBytes));
    const request = { path, model: "m", version, variant };
    expect((await jobDone(larder.library, larder.library.importPath(request))).error).toBeNull();
  }
  const verified = (target: string) => jobDone(larder.library, larder.library.verify({ targets: [target] }));
  expect((await verified("m:q4")).result).toMatchObject({ blobs: 2, bytes: 150 });
  expect((await verified("m@1:q8")).result).toMatchObject({ blobs: 1, bytes: 200 });
  expect((await verified("m")).result).toMatchObject({ blobs: 3, bytes: 350 });
  for (const target of ["m:q2", "m@2:q8"]) {
    expect((await verified(target)).error?.code).toBe("VARIANT_NOT_FOUND");
  }
});

test("repair() takes an imported file again from where it lay", async () => {
  await using larder = await openTestLibrary();
  const path = join(larder.home, "..", "model.bin");
  const bytes = pseudoRandomBytes(9, CHUNK + 5);
  await Bun.write(path, bytes);
  const imported = await jobDone(
    larder.library,
    larder.library.importPath({ path, model: "local", version: "1" }),
  );
  expect(imported.error).toBeNull();
  await flipByte(blobPath(larder.home, digestOf(bytes)), 3);
  const result = (await jobDone(larder.library, larder.library.repair({ targets: ["local"] })))
    .result as RepairResult;
  expect(result.repaired).toEqual([{ sha256: digestOf(bytes), bytes_fetched: 0, chunks_fetched: 0 }]);
});

test("C08: gc() keeps the blob of a pull that has no row yet, and everything that a name points to", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const kept = await pulled(larder, origin, "kept", pseudoRandomBytes(20, 1000));
  const first = pseudoRandomBytes(21, 1000);
  const firstUrl = origin.file("/first", first);
  const held = Promise.withResolvers<void>();
  const secondUrl = origin.on("/second", async (exchange) => {
    await held.promise;
    await exchange.answer(200, { "Content-Length": "3" }, "abc");
  });
  const { id } = await larder.library.pull({
    model: "two",
    files: [{ path: "a", urls: [firstUrl], sha256: digestOf(first) }, { path: "b", urls: [secondUrl] }],
  });
  for await (const view of larder.library.watchPull(id)) if (view.files[0]?.state === "done") break;
  const swept = await jobDone(larder.library, larder.library.gc({ grace_s: 0 }));
  expect(swept.result).toMatchObject({ blobs: 0 });
  held.resolve();
  for await (const _ of larder.library.watchPull(id));
  expect((await larder.library.getPull(id)).state).toBe("done");
  for (const digest of [kept, digestOf(first)]) {
    expect(await Bun.file(blobPath(larder.home, digest)).exists()).toBe(true);
  }
});

test("gc() frees what nothing points to, and as a dry run only counts it", async () => {
  await using larder = await openTestLibrary();
  const part = await larder.store.openPart(digestOf("abc"));
  await Bun.write(part.path, "abc");
  await part.commit(digestOf("abc") as never, 3);
  const dry = await jobDone(larder.library, larder.library.gc({ grace_s: 0, dry_run: true }));
  expect(dry.result).toMatchObject({ blobs: 1, bytes_freed: 3, dry_run: true });
  expect(await Bun.file(blobPath(larder.home, digestOf("abc"))).exists()).toBe(true);
  await jobDone(larder.library, larder.library.gc({ grace_s: 0 }));
  expect(await Bun.file(blobPath(larder.home, digestOf("abc"))).exists()).toBe(false);
});
