import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import {
  type LarderProcess,
  type ProcessOptions,
  resultOf,
  runVerb,
  spawnLarder,
  startServer,
} from "./helpers/larder-process.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "./helpers/origin.ts";
import { type TempFolder, tempFolder } from "./helpers/temp-folder.ts";

/** Three chunks, the last one shorter. */
const BYTES = pseudoRandomBytes(1, 12_345_678);
const DIGEST = createHash("sha256").update(BYTES).digest("hex");
const CHUNK = 5 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

let folder: TempFolder;
let origin: Origin;
let address: string;
let home: ProcessOptions;
const servers: LarderProcess[] = [];

beforeEach(async () => {
  folder = await tempFolder();
  origin = await startOrigin();
  address = origin.file("/tiny.bin", BYTES, { etag: '"1"' });
  home = { home: folder.path };
});

afterEach(async () => {
  for (const { child } of servers.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  await origin.close();
  await folder[Symbol.asyncDispose]();
});

async function serve(
  options: Partial<ProcessOptions> = {},
  argv: readonly string[] = [],
): Promise<LarderProcess> {
  const server = await startServer({ ...home, ...options }, argv);
  servers.push(server);
  return server;
}

const larder = (...argv: string[]) => runVerb(argv, home);
const pull = (model = "acme/tiny@1.0.0") => larder("pull", model, address, "--sha256", DIGEST);
const inHome = (...names: string[]) => join(folder.path, "home", ...names);
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

async function stop({ child }: LarderProcess): Promise<number> {
  child.kill("SIGTERM");
  return await child.exited;
}

async function waitUntil(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!await isSo()) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await Bun.sleep(5);
  }
}

async function journey(): Promise<void> {
  expect((await pull()).json).toMatchObject({ state: "done", version: "1.0.0", bytes_done: BYTES.length });
  expect((await larder("list")).json).toMatchObject({
    models: [{ model: "acme/tiny", latest: "1.0.0" }],
    total: 1,
  });
  expect((await larder("show", "acme/tiny")).json).toMatchObject({
    version: { files: [{ sha256: DIGEST }] },
  });
  const path = (await larder("path", "acme/tiny", "--file")).json["local_path"];
  expect(createHash("sha256").update(await Bun.file(String(path)).bytes()).digest("hex")).toBe(DIGEST);
  expect((await larder("alias", "set", "acme/tiny", "prod", "1.0.0")).code).toBe(0);
  expect((await larder("show", "acme/tiny@prod")).json).toMatchObject({ aliases: { prod: "1.0.0" } });
  expect((await larder("verify")).json).toMatchObject({ state: "done", result: { intact: 1, damaged: [] } });
  expect((await larder("pulls")).json).toMatchObject({ pulls: [{ state: "done" }] });
  expect((await larder("remove", "acme/tiny")).json).toMatchObject({ versions: ["1.0.0"] });
  expect((await larder("list")).json).toMatchObject({ models: [] });
  expect((await larder("gc", "--grace", "0s")).code).toBe(0);
  const blobs = new Bun.Glob("*/*").scan({ cwd: inHome("blobs", "sha256") });
  expect(await Array.fromAsync(blobs)).toEqual([]);
}

test("pull, list, show, path, alias, verify, pulls, remove and gc without a server", journey, TIMEOUT_MS);

test("the same verbs through a running server", async () => {
  await serve();
  await journey();
}, TIMEOUT_MS);

test("D15: verify finds a flipped byte, exits with 76, and repair fetches that chunk only", async () => {
  expect((await pull()).json).toMatchObject({ state: "done" });
  const blob = inHome("blobs", "sha256", DIGEST.slice(0, 2), DIGEST);
  const bytes = await Bun.file(blob).bytes();
  bytes[CHUNK + 7] = (bytes[CHUNK + 7] ?? 0) ^ 1;
  await Bun.write(blob, bytes);
  const found = await larder("verify", "acme/tiny");
  expect([found.code, found.json]).toMatchObject([76, { result: { damaged: [{ bad_chunks: [1] }] } }]);
  const repaired = await larder("repair", "acme/tiny");
  expect([repaired.code, repaired.json]).toMatchObject([0, {
    result: { repaired: [{ chunks_fetched: 1 }] },
  }]);
  expect((await larder("verify")).code).toBe(0);
}, TIMEOUT_MS);

test("P09: a second owner waits, then exits with 75 and names the first", async () => {
  const { child } = await serve();
  const second = await runVerb(["serve", "--port", "0", "--wait", "0.3"], home);
  expect([second.code, second.json]).toMatchObject([75, { error: { code: "HOME_LOCKED" } }]);
  expect(second.stderr).toContain(`larder serve (process ${child.pid})`);
}, TIMEOUT_MS);

test("P10: after kill -9 the next start works and nothing needs a hand", async () => {
  const first = await serve();
  first.child.kill("SIGKILL");
  await first.child.exited;
  expect((await larder("list", "--wait", "0")).code).toBe(0);
  const { url } = await serve();
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
}, TIMEOUT_MS);

test(
  "P06: SIGTERM in the middle of a pull exits 0 within 5 s, and the next server goes on from there",
  async () => {
    origin.bytesPerSecond = 4_000_000;
    const first = await serve();
    expect((await larder("pull", "acme/tiny@1", address, "--sha256", DIGEST, "--detach")).code).toBe(0);
    await waitUntil(() => origin.bytesSent("/tiny.bin") > CHUNK * 1.5);
    const startMs = performance.now();
    expect(await stop(first)).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    origin.bytesPerSecond = Infinity;
    await serve();
    await waitUntil(async () => (await larder("show", "acme/tiny@1")).code === 0);
    const ranges = origin.requestsFor("/tiny.bin", "GET").map((request) => request.headers.get("range"));
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]/);
  },
  TIMEOUT_MS,
);

test("P07: a second signal ends a server that still drains, at once", async () => {
  expect((await pull()).json).toMatchObject({ state: "done" });
  const { child, url } = await serve();
  // A client that asks for a large file and never reads holds the first stop up.
  const idle = connect(Number(new URL(url).port), "127.0.0.1").on("error", () => {});
  idle.pause();
  idle.write("GET /api/files/acme/tiny/1.0.0/tiny.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => idle.once("connect", resolve));
  await waitUntil(async () => (await (await fetch(`${url}/metrics`)).text()).includes('route="/api/files/'));
  child.kill("SIGTERM");
  await waitUntil(() => fetch(`${url}/health/live`).then((answer) => !answer.ok, () => true));
  // A signal within 100 ms of the first is taken for the same one.
  await Bun.sleep(150);
  expect(child.exitCode).toBeNull();
  const startMs = performance.now();
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
  expect(performance.now() - startMs).toBeLessThan(1_000);
  idle.destroy();
}, TIMEOUT_MS);

test("Ctrl-C pauses a pull that has no server; the same command goes on from there", async () => {
  origin.bytesPerSecond = 4_000_000;
  const child = spawnLarder(["pull", "acme/tiny@1", address, "--sha256", DIGEST, "--connections", "1"], home);
  await waitUntil(() => origin.bytesSent("/tiny.bin") > CHUNK * 1.5);
  child.kill("SIGINT");
  const { code, stderr } = await resultOf(child);
  expect(code).toBe(130);
  expect(stderr).toContain("run the same command again");
  origin.bytesPerSecond = Infinity;
  const again = await pull("acme/tiny@1");
  expect(again.json).toMatchObject({ state: "done" });
  expect(origin.requestsFor("/tiny.bin", "GET").at(-1)?.headers.get("range")).toMatch(/^bytes=[1-9]/);
}, TIMEOUT_MS);

test("one Ctrl-C that arrives twice, as under a wrapper, is one", async () => {
  origin.bytesPerSecond = 4_000_000;
  const child = spawnLarder(["pull", "acme/tiny@1", address], home);
  await waitUntil(() => origin.bytesSent("/tiny.bin") > 0);
  child.kill("SIGINT");
  child.kill("SIGINT");
  const { code, stderr } = await resultOf(child);
  expect(code).toBe(130);
  expect(stderr).toContain("Paused");
}, TIMEOUT_MS);

test("P26: a port in use exits with PORT_IN_USE and lets the home go", async () => {
  const { url } = await serve();
  const other = { home: join(folder.path, "other") };
  const second = await runVerb(["serve", "--port", new URL(url).port], other);
  expect([second.code, second.json]).toMatchObject([1, { error: { code: "PORT_IN_USE" } }]);
}, TIMEOUT_MS);

test("A02: a network address without a token exits with 78 and says how to make one", async () => {
  const { code, stderr } = await larder("serve", "--host", "0.0.0.0", "--port", "0");
  expect(code).toBe(78);
  expect(stderr).toContain("larder token create");
}, TIMEOUT_MS);

test("P25: PORT and HTTP_PROXY of the environment change nothing", async () => {
  const env = { PORT: "1", HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1" };
  const { url } = await serve({ env });
  expect(new URL(url).port).not.toBe("1");
  const pulled = await runVerb(["pull", "acme/tiny@1", address], { ...home, env });
  expect(pulled.json).toMatchObject({ state: "done" });
}, TIMEOUT_MS);

test.each([
  ["closed", 'exec "$@" 2>&-'],
  ["a full disk", 'exec "$@" 2>/dev/full'],
  ["a reader who left", '"$@" 2>&1 >&3 | true'],
])("D32: the server survives a log that is %s", async (_, line) => {
  const { url } = await serve({ shell: `exec 3>&1; ${line}` }, ["--log-level", "debug"]);
  for (let times = 0; times < 20; times++) expect((await fetch(`${url}/health/live`)).status).toBe(200);
  const [pid] = [JSON.parse(await Bun.file(inHome("owner.json")).text()).pid as number];
  process.kill(pid, "SIGTERM");
  await waitUntil(async () => !await Bun.file(inHome("owner.json")).exists());
}, TIMEOUT_MS);

test("S19: what the home holds is for its user only, whatever the umask is", async () => {
  await serve({ shell: 'umask 000; exec "$@"' });
  expect(await modeOf(inHome())).toBe("700");
  for (const name of ["larder.sock", "registry.sqlite", "tokens.json", "admin.token", "owner.json", "lock"]) {
    expect([name, await modeOf(inHome(name))]).toEqual([name, "600"]);
  }
}, TIMEOUT_MS);

test(
  "P17: a registry that was deleted is built again: models are there, and a closed server stays closed",
  async () => {
    await pull();
    const { json } = await larder("token", "create", "--name", "laptop", "--scope", "read");
    await rm(inHome("registry.sqlite"));
    const before = origin.requests.length;
    const { url } = await serve();
    const library = `${url}/api/models/library`;
    expect((await fetch(library)).status).toBe(401);
    const answer = await fetch(library, { headers: { authorization: `Bearer ${json["token"]}` } });
    expect(await answer.json()).toMatchObject({ models: [{ model: "acme/tiny" }] });
    expect(origin.requests.length).toBe(before);
  },
  TIMEOUT_MS,
);

test("P17: tokens that cannot be read are no reason to open the server", async () => {
  await larder("token", "create", "--name", "laptop");
  await rm(inHome("registry.sqlite"));
  await Bun.write(inHome("tokens.json"), "{");
  const { code, stderr } = await larder("serve", "--port", "0");
  expect(code).toBe(1);
  expect(stderr).toContain("tokens.json");
}, TIMEOUT_MS);

test("P19: a registry of a newer release exits with 78 and is not touched", async () => {
  expect((await pull()).json).toMatchObject({ state: "done" });
  const path = inHome("registry.sqlite");
  const bytes = await Bun.file(path).bytes();
  new DataView(bytes.buffer).setUint32(60, 99); // user_version of the file format
  await Bun.write(path, bytes);
  const { code, json } = await larder("list");
  expect([code, json]).toMatchObject([78, { error: { code: "SCHEMA_NEWER" } }]);
  expect(Buffer.compare(await Bun.file(path).bytes(), bytes)).toBe(0);
  expect((await larder("doctor")).json).toMatchObject({
    registry: { schema: 99, schema_known: expect.any(Number) },
  });
}, TIMEOUT_MS);
