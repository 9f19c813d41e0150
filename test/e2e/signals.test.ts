import { expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Api } from "../helpers/api.ts";
import { digestOf } from "../helpers/digest.ts";
import type { Server } from "../helpers/executable.ts";
import { testWith } from "../helpers/tools.ts";
import { waitUntil } from "../helpers/wait.ts";
import { blobFaults, opensslDigest } from "./blobs.ts";
import { type Sample, type World, world } from "./world.ts";

const MIB = 2 ** 20;
const CHUNK = 5 * MIB;
const CONNECTIONS = 4;
/** Promised for a stop in the middle of a pull. */
const STOP_MS = 5000;
const SAME_SIGNAL_MS = 300;
const TIMEOUT_MS = 60_000;

testWith(
  ["nginx", "curl"],
  "P05: SIGTERM lets a slow reader finish, refuses new ones and exits 0",
  async () => {
    await using at = await world();
    const big = await at.sample("big.bin", 48 * MIB);
    await at.larder.run("pull", "acme/big@1", big.address);
    const server = await at.larder.serve();
    const out = join(at.path, "out.bin");
    const reader = Bun.spawn(["curl", "-sS", "--limit-rate", "24M", "-o", out, fileUrl(server, big)]);
    await waitUntil(() => Bun.file(out).size > MIB);
    const stopped = server.stop("SIGTERM");
    await waitUntil(() =>
      fetch(`${server.url}/health/live`).then((answer) => answer.status === 503, () => true)
    );
    expect(await reader.exited).toBe(0);
    expect(await opensslDigest(Bun.file(out))).toBe(big.digest);
    expect(await stopped).toBe(0);
  },
  TIMEOUT_MS,
);

testWith(["nginx"], "P05: SIGTERM under load answers wholly or not at all", async () => {
  await using at = await world();
  const small = await at.sample("small.bin", 300_000);
  await at.larder.run("pull", "acme/small@1", small.address);
  const server = await at.larder.serve();
  let answered = 0;
  const clients = Array.from({ length: 32 }, async () => {
    for (;;) {
      const answer = await fetch(fileUrl(server, small, "acme/small"));
      if (answer.status === 503) return;
      expect(digestOf(await answer.bytes())).toBe(small.digest);
      answered++;
    }
  });
  // A client ends by being refused; one that was cut in the middle of a body would fail otherwise.
  const ends = Promise.all(clients.map((client) => client.catch(isRefused)));
  await waitUntil(() => answered > 200);
  expect(await server.stop("SIGTERM")).toBe(0);
  expect((await ends).filter((end) => end === false)).toEqual([]);
}, TIMEOUT_MS);

testWith(["nginx"], "P05: a client that never reads holds SIGTERM up for shutdown_s only", async () => {
  await using at = await world();
  const server = await serveBig(at, ["--shutdown-s", "1"]);
  await using _stuck = await stuckReader(server);
  const startMs = performance.now();
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(1000 + STOP_MS);
}, TIMEOUT_MS);

testWith(
  ["nginx"],
  "P06: SIGTERM in a pull exits 0 within 5 s; the next server goes on by itself",
  async () => {
    await using at = await world();
    const big = await at.sample("big.bin", 96 * MIB);
    const first = await at.larder.serve();
    const id = await startSlowPull(at, first, big);
    const startMs = performance.now();
    expect(await first.stop("SIGTERM")).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(STOP_MS);
    expect((await readdir(at.larder.inHome("incoming"))).sort()).toEqual([
      `${big.digest}.journal`,
      `${big.digest}.part`,
    ]);
    const second = await at.larder.serve();
    expect(await new Api(second.url).follow(id)).toMatchObject({
      state: "done",
      bytes_done: big.bytes.length,
    });
    await at.nginx.quiet();
    const sent = (await at.nginx.requests("/big.bin")).reduce((sum, one) => sum + one.bytesSent, 0);
    expect(sent - big.bytes.length).toBeLessThanOrEqual(CONNECTIONS * CHUNK);
    expect(await opensslDigest(await fetch(fileUrl(second, big)))).toBe(big.digest);
  },
  TIMEOUT_MS,
);

testWith(
  ["nginx"],
  "P07: a second SIGTERM ends it at once; nothing is lost and the pull goes on",
  async () => {
    await using at = await world();
    const server = await serveBig(at);
    const other = await at.sample("other.bin", 96 * MIB);
    const id = await startSlowPull(at, server, other, "acme/other");
    await using _stuck = await stuckReader(server);
    const stopped = server.stop("SIGTERM");
    await waitUntil(() => server.log.includes("Stopping after"));
    // The same signal at once is one that came twice.
    await Bun.sleep(SAME_SIGNAL_MS);
    expect(server.child.exitCode).toBeNull();
    const startMs = performance.now();
    server.child.kill("SIGTERM");
    expect(await stopped).toBe(143);
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(await blobFaults(at.larder.home)).toEqual([]);
    expect(await at.larder.run("verify")).toMatchObject({
      code: 0,
      json: { result: { intact: 1, damaged: [] } },
    });
    const next = await at.larder.serve();
    expect(await new Api(next.url).follow(id)).toMatchObject({ state: "done" });
    expect(await opensslDigest(await fetch(fileUrl(next, other, "acme/other")))).toBe(other.digest);
  },
  TIMEOUT_MS,
);

function fileUrl(server: Server, file: Sample, model = "acme/big"): string {
  return `${server.url}/api/files/${model}/1/${file.name}`;
}

/** A server that has a file larger than what sockets hold. */
async function serveBig(at: World, argv: readonly string[] = []): Promise<Server> {
  const big = await at.sample("big.bin", 64 * MIB);
  expect((await at.larder.run("pull", "acme/big@1", big.address)).code).toBe(0);
  return await at.larder.serve(argv);
}

/** A pull at 20 MB/s a connection, of which about a third has come. Gives its id. */
async function startSlowPull(at: World, server: Server, file: Sample, model = "acme/big"): Promise<string> {
  const api = new Api(server.url);
  const { json } = await api.post("/api/models/download", {
    model,
    revision: "1",
    sha256: file.digest,
    urls: [at.nginx.address(`/${file.name}`, 20_000_000)],
  });
  await waitUntil(async () => {
    const { bytes_done } = (await api.get(`/api/pulls/${json.id}`)).json;
    return bytes_done > file.bytes.length / 3;
  });
  return json.id;
}

/** A client that asked for the large file, got the beginning and reads no more. */
async function stuckReader(server: Server): Promise<AsyncDisposable & { readonly socket: Socket }> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1").on("error", () => {});
  socket.write("GET /api/files/acme/big/1/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  return { socket, [Symbol.asyncDispose]: async () => void socket.destroy() };
}

/** The server no longer listens, or closed a connection that was idle. */
function isRefused(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? "";
  return ["ConnectionRefused", "ECONNREFUSED", "ConnectionClosed"].includes(code);
}
