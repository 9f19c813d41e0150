import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Api } from "../helpers/api.ts";
import { digestOf } from "../helpers/digest.ts";
import { place } from "../helpers/executable.ts";
import { testOnExt4 } from "../helpers/ext4.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { testOnTmpfs } from "../helpers/tmpfs.ts";

const TIMEOUT_MS = 30_000;
const MIB = 2 ** 20;
const BYTES = pseudoRandomBytes(1, 7 * MIB);
const DIGEST = digestOf(BYTES);

testOnExt4(
  64 * MIB,
  "D05: on a disk that turns read-only reads go on and writes are refused",
  async (disk) => {
    await using origin = await startOrigin();
    const address = origin.file("/model.bin", BYTES);
    await using larder = await place(join(disk.path, "larder"));
    const server = await larder.serve();
    const api = new Api(server.url);
    expect(await api.pull({ model: "acme/model", revision: "1", urls: [address] })).toMatchObject({
      state: "done",
    });
    await disk.fail();

    const file = await fetch(`${server.url}/api/files/acme/model/1/model.bin`);
    expect(digestOf(await file.bytes())).toBe(DIGEST);
    expect((await api.get("/api/models/library")).json).toMatchObject({ total: 1 });
    const more = origin.file("/more.bin", BYTES.subarray(1));
    const refused = await api.post("/api/models/download", {
      model: "acme/more",
      revision: "1",
      urls: [more],
    });
    expect(refused).toMatchObject({ status: 503, json: { code: "READONLY" } });
    const verb = await larder.run("alias", "set", "acme/model", "prod", "1");
    expect([verb.code, verb.json]).toMatchObject([73, { error: { code: "READONLY" } }]);
    expect(await api.get("/health/ready")).toMatchObject({ status: 200, json: { status: "degraded" } });
    expect(await api.get("/health/live")).toMatchObject({ status: 200 });
    expect(await server.stop()).toBe(0);

    const next = await larder.run("list");
    expect([next.code, next.json]).toMatchObject([73, { error: { code: "READONLY" } }]);
  },
  TIMEOUT_MS,
);

test("D22: a home that is removed at run time gives STORE_GONE, no crash and no silent success", async () => {
  await using origin = await startOrigin();
  const address = origin.file("/model.bin", BYTES);
  await using larder = await place();
  const server = await larder.serve();
  const api = new Api(server.url);
  const request = { model: "acme/model", revision: "1", sha256: DIGEST, urls: [address] };
  expect(await api.pull(request)).toMatchObject({ state: "done" });
  await rm(larder.home, { recursive: true });

  const again = await api.post("/api/models/download", { ...request, model: "acme/again" });
  expect(again).toMatchObject({ status: 503, json: { code: "STORE_GONE" } });
  const file = await fetch(`${server.url}/api/files/acme/model/1/model.bin`);
  expect([404, 503]).toContain(file.status);
  expect(await api.get("/health/ready")).toMatchObject({ status: 503, json: { ready: false } });
  expect(await api.get("/health/live")).toMatchObject({ status: 200 });
  expect(await server.stop()).toBe(0);

  const next = await larder.serve();
  expect((await new Api(next.url).get("/api/models/library")).json).toMatchObject({ total: 0 });
  expect(await new Api(next.url).pull(request)).toMatchObject({ state: "done" });
}, TIMEOUT_MS);

testOnTmpfs(
  { sizeBytes: 32 * MIB },
  "D01: a file that does not fit exits 73 before its first byte is kept",
  async (disk) => {
    await using origin = await startOrigin();
    await using larder = await place(join(disk.path, "larder"));
    const big = origin.file("/big.bin", pseudoRandomBytes(2, 40 * MIB));
    const refused = await larder.run("pull", "acme/big@1", big);
    expect([refused.code, refused.json]).toMatchObject([73, {
      error: { code: "NO_SPACE", hint: expect.any(String) },
    }]);
    expect(await Array.fromAsync(new Bun.Glob("*").scan({ cwd: larder.inHome("incoming") }))).toEqual([]);
    const fits = await larder.run(
      "pull",
      "acme/model@1",
      origin.file("/model.bin", BYTES),
      "--sha256",
      DIGEST,
    );
    expect(fits).toMatchObject({ code: 0, json: { state: "done" } });
  },
  TIMEOUT_MS,
);
