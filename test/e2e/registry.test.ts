import { expect } from "bun:test";
import { rm } from "node:fs/promises";
import { Api } from "../helpers/api.ts";
import type { Server } from "../helpers/executable.ts";
import { findTool, testWith } from "../helpers/tools.ts";
import { opensslDigest } from "./blobs.ts";
import { treeOf } from "./tree.ts";
import { type Sample, type World, world } from "./world.ts";

const TIMEOUT_MS = 30_000;
const CHUNK = 5 * 2 ** 20;
const BUSY_MS = 5000;
/** Far above what an answer from memory takes, far below what waiting for the lock would. */
const ANSWER_MS_MAX = 1000;

testWith(
  ["nginx", "sqlite3"],
  "P15: while another program has the write lock, reads go on and writes wait",
  async () => {
    await using at = await world();
    const [first] = await stock(at);
    const server = await at.larder.serve();
    const api = new Api(server.url);
    await using lock = await holdLock(at.larder.inHome("registry.sqlite"));
    const pulling = api.post("/api/models/download", {
      model: "acme/late",
      revision: "1",
      urls: [first.address],
    });
    for (let times = 0; times < 20; times++) {
      const startMs = performance.now();
      expect((await api.get("/api/models/library")).json.total).toBe(2);
      expect(performance.now() - startMs).toBeLessThan(ANSWER_MS_MAX);
    }
    expect(await opensslDigest(await fetchFile(server, first))).toBe(first.digest);
    await lock.release();
    const { status, json } = await pulling;
    expect(status).toBe(202);
    expect(await api.follow(json.id)).toMatchObject({ state: "done" });
  },
  TIMEOUT_MS,
);

testWith(
  ["nginx", "sqlite3"],
  "P15: a lock that is held for long ends in BUSY, 503 and exit code 75",
  async () => {
    await using at = await world();
    await stock(at);
    const api = new Api((await at.larder.serve()).url);
    {
      await using _lock = await holdLock(at.larder.inHome("registry.sqlite"));
      const startMs = performance.now();
      const [answer, verb] = await Promise.all([
        api.post("/api/models/download", { model: "acme/late", urls: [at.nginx.address("/none")] }),
        at.larder.run("alias", "set", "acme/first", "prod", "1"),
      ]);
      expect(answer).toMatchObject({ status: 503, json: { code: "BUSY", retryable: true } });
      expect([verb.code, verb.json]).toMatchObject([75, { error: { code: "BUSY" } }]);
      expect(performance.now() - startMs).toBeLessThan(BUSY_MS * 3);
    }
    expect((await at.larder.run("alias", "set", "acme/first", "prod", "1")).code).toBe(0);
  },
  TIMEOUT_MS,
);

const DAMAGES: ReadonlyArray<readonly [name: string, damage: (path: string) => Promise<unknown>]> = [
  ["garbage in a page", (path) => overwrite(path, 4096, 8192)],
  ["garbage in the first page", (path) => overwrite(path, 100, 2000)],
  ["no database at all", (path) => Bun.write(path, "this is no database\n".repeat(500))],
  ["0 bytes", (path) => Bun.write(path, "")],
  ["deleted", (path) => rm(path)],
];

testWith(
  ["nginx", "openssl"],
  "P16 P17: a damaged registry is built again, with nothing downloaded",
  async () => {
    await using at = await world();
    const samples = await stock(at);
    for (const [name, damage] of DAMAGES) {
      await damage(at.larder.inHome("registry.sqlite"));
      await expectEverything(at, samples, name);
    }
  },
  TIMEOUT_MS,
);

testWith(["nginx", "openssl"], "P17: after kill -9 a log that is gone loses nothing", async () => {
  await using at = await world();
  await at.larder.run("list");
  const server = await at.larder.serve();
  const samples = await stock(at);
  await server.stop("SIGKILL");
  await rm(at.larder.inHome("registry.sqlite-wal"));
  await rm(at.larder.inHome("registry.sqlite-shm"), { force: true });
  await expectEverything(at, samples, "no log");
}, TIMEOUT_MS);

testWith(
  ["nginx", "sqlite3"],
  "P19: a registry of a newer release exits 78 and no byte of the home changes",
  async () => {
    await using at = await world();
    await stock(at);
    const schema = sqlite(at.larder.inHome("registry.sqlite"), "PRAGMA user_version");
    sqlite(at.larder.inHome("registry.sqlite"), "PRAGMA user_version = 99");
    const before = await treeOf(at.larder.home);
    const verbs = [["serve", "--port", "0"], ["list"], ["gc", "--grace", "0s"], [
      "token",
      "create",
      "--name",
      "x",
    ]];
    for (const argv of verbs) {
      const { code, json } = await at.larder.run(...argv);
      expect([argv, code, json]).toMatchObject([argv, 78, { error: { code: "SCHEMA_NEWER" } }]);
      expect(await treeOf(at.larder.home)).toEqual(before);
    }
    sqlite(at.larder.inHome("registry.sqlite"), `PRAGMA user_version = ${schema}`);
    expect((await at.larder.run("list")).json).toMatchObject({ total: 2 });
  },
  TIMEOUT_MS,
);

/** Two models, one of them of several chunks and with an alias. */
async function stock({ larder, sample }: World): Promise<[Sample, Sample]> {
  const samples: [Sample, Sample] = [
    await sample("first.bin", 2 * CHUNK + 17),
    await sample("second.bin", 70_000),
  ];
  for (const { name, address, digest } of samples) {
    const { code } = await larder.run(
      "pull",
      `${modelOf(name)}@1`,
      address,
      "--sha256",
      digest,
      "--alias",
      "prod",
    );
    expect(code).toBe(0);
  }
  return samples;
}

function modelOf(name: string): string {
  return `acme/${name.split(".")[0]}`;
}

function fetchFile(server: Server, { name }: Sample): Promise<Response> {
  return fetch(`${server.url}/api/files/${modelOf(name)}/prod/${name}`);
}

/** A start without any help lists and serves all of it, verified, and asks nobody. */
async function expectEverything(at: World, samples: readonly Sample[], damage: string): Promise<void> {
  const before = await at.requestCount();
  const server = await at.larder.serve();
  const { json } = await new Api(server.url).get("/api/models/library");
  const listed = json.models.map((one: { model: string }) => one.model).sort();
  expect([damage, listed]).toEqual([damage, samples.map(({ name }) => modelOf(name)).sort()]);
  for (const sample of samples) {
    expect([damage, await opensslDigest(await fetchFile(server, sample))]).toEqual([damage, sample.digest]);
  }
  const verified = await at.larder.run("verify");
  const intact = { intact: samples.length, damaged: [] };
  expect([damage, verified.code, verified.json]).toMatchObject([damage, 0, { result: intact }]);
  // What is here is not fetched again when somebody asks for it by its digest.
  const { address, digest } = samples[0] as Sample;
  const again = await at.larder.run("pull", "acme/first@1", address, "--sha256", digest);
  expect([damage, again.json]).toMatchObject([damage, { state: "done" }]);
  expect(await server.stop()).toBe(0);
  expect([damage, await at.requestCount()]).toEqual([damage, before]);
}

async function overwrite(path: string, from: number, length: number): Promise<void> {
  const bytes = await Bun.file(path).bytes();
  expect(bytes.length).toBeGreaterThan(from + length);
  bytes.subarray(from, from + length).fill(0xa5);
  await Bun.write(path, bytes);
}

function sqlite(path: string, sql: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([findTool("sqlite3") ?? "", path, sql]);
  if (exitCode !== 0) throw new Error(`sqlite3 failed: ${stderr.toString()}`);
  return stdout.toString();
}

/** Another process that holds the write lock of a database. */
async function holdLock(path: string): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const child = Bun.spawn([findTool("sqlite3") ?? "", path], { stdio: ["pipe", "pipe", "inherit"] });
  // A server that has just started writes now and then by itself.
  child.stdin.write(".timeout 5000\nBEGIN IMMEDIATE;\n.print locked\n");
  await child.stdin.flush();
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toContain("locked");
  const release = async () => {
    await child.stdin.end();
    await child.exited;
  };
  return { release, [Symbol.asyncDispose]: release };
}
