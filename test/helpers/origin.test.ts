import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closedPort,
  makeAuthority,
  openedPort,
  type Origin,
  pseudoRandomBytes,
  startOrigin,
} from "./origin.ts";
import { testWith } from "./tools.ts";

let origin: Origin;
let folder: string;
let answers = 0;
const CONTENT = pseudoRandomBytes(7, 1_000_003);

beforeAll(async () => {
  origin = await startOrigin();
  folder = await mkdtemp(join(tmpdir(), "larder-origin-"));
});
afterAll(async () => {
  await origin.close();
  await rm(folder, { recursive: true });
});

async function curl(...args: string[]): Promise<{ status: number; body: Uint8Array; head: string }> {
  const headPath = join(folder, `head-${answers++}`);
  const child = Bun.spawn(["curl", "-sS", "-D", headPath, "--max-time", "5", ...args], { stderr: "ignore" });
  const [body, status] = await Promise.all([new Response(child.stdout).bytes(), child.exited]);
  return { status, body, head: await readFile(headPath, "utf8").catch(() => "") }; // none when no answer came
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0; // a failing toEqual() would print a million bytes
}

test("pseudoRandomBytes() gives the same bytes for a seed, other bytes for another, and they do not compress", () => {
  expect(pseudoRandomBytes(7, 1_000_003)).toEqual(CONTENT);
  expect(pseudoRandomBytes(8, 64)).not.toEqual(CONTENT.subarray(0, 64));
  expect(Bun.gzipSync(CONTENT).length).toBeGreaterThan(CONTENT.length);
  expect(createHash("sha256").update(pseudoRandomBytes(1, 0)).digest("hex").slice(0, 8)).toBe("e3b0c442");
});

testWith(
  ["curl"],
  "curl gets a file whole, by range, by suffix and by HEAD, and the origin has counted it",
  async () => {
    const url = origin.file("/a.bin", CONTENT, { etag: '"one"' });
    expect(same((await curl(url)).body, CONTENT)).toBe(true);
    expect(same((await curl("-r", "10-19", url)).body, CONTENT.slice(10, 20))).toBe(true);
    expect(same((await curl("-r", "-5", url)).body, CONTENT.slice(-5))).toBe(true);
    expect((await curl("-r", "1000000-", url)).head).toContain(
      "Content-Range: bytes 1000000-1000002/1000003",
    );
    const head = await curl("-I", url);
    expect(head.head + head.body).toContain("Content-Length: 1000003");
    expect((await curl("-r", "1000003-", url)).head).toContain("HTTP/1.1 416");
    expect(origin.bytesSent("/a.bin")).toBe(1_000_003 + 10 + 5 + 3);
    expect(origin.requestsFor("/a.bin").map((one) => one.method)).toEqual([
      "GET",
      "GET",
      "GET",
      "GET",
      "HEAD",
      "GET",
    ]);
    expect(origin.requestsFor("/a.bin")[1]?.range).toEqual({ start: 10, end: 20 });
  },
);

testWith(["curl"], "If-Range with another tag or a weak one gets the whole file", async () => {
  const url = origin.file("/b.bin", CONTENT, { etag: '"two"' });
  expect((await curl("-r", "0-9", "-H", 'If-Range: "two"', url)).body.length).toBe(10);
  expect((await curl("-r", "0-9", "-H", 'If-Range: "one"', url)).body.length).toBe(CONTENT.length);
  origin.file("/b.bin", CONTENT, { etag: 'W/"two"' });
  expect((await curl("-r", "0-9", "-H", 'If-Range: W/"two"', url)).body.length).toBe(CONTENT.length);
});

testWith(["curl"], "faults are used up one by one, then service is right", async () => {
  const url = origin.file("/c.bin", CONTENT);
  origin.fault("/c.bin", [
    { kind: "cut", afterBytes: 1000 },
    { kind: "reset", afterBytes: 1000 },
    { kind: "status", status: 503, headers: { "Retry-After": "3" } },
    { kind: "flip", atByte: 500_000 },
    { kind: "chunked", last: false, afterBytes: 2000 },
    { kind: "chunked" },
    { kind: "close-delimited", afterBytes: 5 },
    { kind: "close" },
    { kind: "redirect", location: "/elsewhere" },
  ]);
  const cut = await curl(url);
  expect([cut.status, cut.body.length]).toEqual([18, 1000]); // 18: partial file
  expect((await curl(url)).status).toBe(56); // 56: failure in receiving
  expect((await curl(url)).head).toContain("Retry-After: 3");
  const flipped = (await curl(url)).body;
  expect(flipped.findIndex((byte, i) => byte !== CONTENT[i])).toBe(500_000);
  expect((await curl(url)).status).toBe(18);
  expect(same((await curl(url)).body, CONTENT)).toBe(true);
  expect((await curl(url)).body.length).toBe(5);
  expect((await curl(url)).status).toBe(52); // 52: empty reply
  expect((await curl(url)).head).toContain("Location: /elsewhere");
  expect(same((await curl(url)).body, CONTENT)).toBe(true);
});

testWith(["curl"], "range faults: ignored, shifted, wrong header, several parts, compressed", async () => {
  const url = origin.file("/d.bin", CONTENT);
  origin.fault("/d.bin", [
    { kind: "ignore-range" },
    { kind: "shift-range", bytes: 3 },
    { kind: "headers", headers: { "Content-Range": null } },
    { kind: "multipart" },
    { kind: "gzip" },
  ]);
  const get = () => curl("-r", "100-199", url);
  expect(same((await get()).body, CONTENT)).toBe(true);
  expect((await get()).head).toContain("Content-Range: bytes 103-202/1000003");
  expect((await get()).head).not.toContain("Content-Range");
  expect((await get()).head).toContain("multipart/byteranges; boundary=part");
  const packed = await get();
  expect(packed.head).toContain("Content-Encoding: gzip");
  expect(same(Bun.gunzipSync(Uint8Array.from(packed.body)), CONTENT.slice(100, 200))).toBe(true);
});

testWith(["curl"], "stall, drip and a missing head keep the client waiting", async () => {
  const url = origin.file("/e.bin", CONTENT);
  origin.fault("/e.bin", [
    { kind: "stall", afterBytes: 10 },
    { kind: "no-headers" },
    { kind: "header-drip", bytesPerSecond: 40 },
    { kind: "drip", bytesPerSecond: 100 },
  ]);
  const stalled = await curl("--max-time", "0.5", url);
  expect([stalled.status, stalled.body.length]).toEqual([28, 10]); // 28: timeout
  expect((await curl("--max-time", "0.3", url)).status).toBe(28);
  expect((await curl("--max-time", "0.3", url)).status).toBe(28);
  const dripped = await curl("--max-time", "1", url);
  expect(dripped.body.length).toBeGreaterThan(40);
  expect(dripped.body.length).toBeLessThan(110);
});

testWith(["curl"], "a rate limit holds per answer", async () => {
  await using slow = await startOrigin({ bytesPerSecond: 100_000 });
  const url = slow.file("/f.bin", CONTENT.subarray(0, 50_000));
  const from = performance.now();
  expect((await curl(url)).body.length).toBe(50_000);
  expect(performance.now() - from).toBeGreaterThan(400);
});

testWith(["curl"], "a handler writes every byte itself and knows how often it was called", async () => {
  const seen: number[] = [];
  const url = origin.on("/g", async (exchange) => {
    seen.push(exchange.nth);
    await exchange.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-N: ${exchange.nth}\r\n\r\nhello`);
  });
  expect((await curl(url, url)).head).toContain("X-N: 1");
  expect(seen).toEqual([0, 1]);
  expect(origin.requestsFor("/g").map((one) => [one.status, one.bodyBytesSent])).toEqual([[200, 5], [
    200,
    5,
  ]]);
  expect(new Set(origin.requestsFor("/g").map((one) => one.connection)).size).toBe(1); // keep-alive
});

testWith(["curl", "openssl"], "TLS: curl trusts the test authority and nothing else", async () => {
  const certificate = await (await makeAuthority()).issue(["larder.test", "127.0.0.1"]);
  await using secure = await startOrigin({ tls: certificate });
  const url = secure.file("/h.bin", CONTENT);
  expect(url).toStartWith("https://127.0.0.1:");
  expect(same((await curl("--cacert", certificate.caPath, url)).body, CONTENT)).toBe(true);
  expect((await curl(url)).status).toBe(60); // 60: the certificate is not trusted
  secure.fault("/h.bin", [{ kind: "reset", afterBytes: 10 }]);
  expect((await curl("--cacert", certificate.caPath, url)).status).toBe(56);
});

test("closedPort() refuses, openedPort() accepts and stays silent", async () => {
  const refused = await Bun.connect({
    hostname: "127.0.0.1",
    port: await closedPort(),
    socket: { data() {} },
  })
    .catch((error: unknown) => error);
  expect((refused as { code?: string }).code).toBe("ECONNREFUSED");
  await using silent = await openedPort();
  const socket = await Bun.connect({ hostname: "127.0.0.1", port: silent.port, socket: { data() {} } });
  socket.end();
});
