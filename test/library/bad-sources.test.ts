import { configure, type LogRecord, reset } from "@logtape/logtape";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isLarderError } from "../../src/core/index.ts";
import type { Library, PullRequest } from "../../src/library/index.ts";
import { openTestLibrary, pullAndWait, type TestLibrary } from "../helpers/library.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { blobCount, expectSound, incoming } from "../helpers/sound.ts";
import { exactly, expectContent, expectDone, expectFailed, expectNoModel, fileOf, MIB } from "./pulling.ts";

const SMALL = pseudoRandomBytes(41, 300_000);

async function expectNothingWritten(larder: TestLibrary): Promise<void> {
  expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
  await expectNoModel(larder);
  await expectSound(larder);
}

/** Pulls each address alone, none of them allowed. */
async function expectBlocked(addresses: readonly string[]): Promise<void> {
  await using larder = await openTestLibrary({ allowOrigins: [] });
  for (const address of addresses) {
    const view = await pullAndWait(larder.library, fileOf(address));
    expect<unknown[]>([address, view.state, view.error?.code]).toEqual([address, "failed", "SSRF_BLOCKED"]);
    expect(view.files[0]?.bytes_fetched).toBe(0);
  }
  await expectNothingWritten(larder);
}

test("S01: addresses that are not for the public internet are SSRF_BLOCKED, with http and https", () =>
  expectBlocked([
    "https://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "https://127.0.0.1/f",
    "https://127.255.255.254/f",
    "https://localhost/f",
    "https://10.0.0.1/f",
    "https://172.16.0.1/f",
    "https://192.168.1.1/f",
    "https://100.64.0.1/f",
    "https://[fe80::1]/f",
    "https://[fd00::1]/f",
    "https://[::1]/f",
  ]));

test("S02: other spellings of the same addresses are SSRF_BLOCKED", () =>
  expectBlocked([
    "https://0x7f000001/f",
    "https://2130706433/f",
    "https://127.1/f",
    "https://0177.0.0.1/f",
    "https://①②⑦.0.0.1/f",
    "https://127.0.0.1./f",
    "https://0xA9FEA9FE/f",
  ]));

test("S03: IPv4 inside IPv6 and the unspecified addresses are SSRF_BLOCKED", () =>
  expectBlocked([
    "https://[::ffff:127.0.0.1]/f",
    "https://[::ffff:a9fe:a9fe]/f",
    "https://[::]/f",
    "https://0.0.0.0/f",
    "https://[64:ff9b::7f00:1]/f",
    "https://[2002:7f00:1::]/f",
  ]));

test("S01: plain http is SSRF_BLOCKED unless its origin is allowed, and only that origin is", async () => {
  await using origin = await startOrigin();
  await using other = await startOrigin();
  await using larder = await openTestLibrary({ allowOrigins: [origin.origin] });
  expectFailed(await pullAndWait(larder.library, fileOf(other.file("/f", SMALL), {}, "x")), "SSRF_BLOCKED");
  expect(other.connections).toBe(0);
  expectDone(await pullAndWait(larder.library, fileOf(origin.file("/f", SMALL))));
  await expectContent(larder, SMALL);
});

test("S05: a redirect to an internal address is SSRF_BLOCKED, and nobody is asked there", async () => {
  await using origin = await startOrigin();
  await using internal = await startOrigin();
  await using larder = await openTestLibrary({ allowOrigins: [origin.origin] });
  for (
    const target of [
      internal.file("/f", SMALL),
      "https://169.254.169.254/f",
      "https://[::1]/f",
      "//10.0.0.1/f",
    ]
  ) {
    origin.on("/f", (exchange) => exchange.answer(302, { Location: target }));
    expectFailed(await pullAndWait(larder.library, fileOf(origin.url("/f"))), "SSRF_BLOCKED");
  }
  expect(internal.connections).toBe(0);
  await expectNothingWritten(larder);
});

test("S05: so it is when the redirect comes while a pull goes on", async () => {
  await using origin = await startOrigin();
  await using internal = await startOrigin();
  await using larder = await openTestLibrary({ allowOrigins: [origin.origin] });
  const bytes = pseudoRandomBytes(42, 8 * MIB);
  const url = origin.file("/f", bytes, { etag: '"v1"' });
  const location = internal.file("/f", bytes, { etag: '"v1"' });
  origin.fault("/f", [{ kind: "cut", afterBytes: 6 * MIB }, { kind: "redirect", location }]);
  expectFailed(await pullAndWait(larder.library, fileOf(url)), "SSRF_BLOCKED");
  expect(internal.connections).toBe(0);
  await expectNoModel(larder);
  await expectSound(larder);
});

test("S06: an internal address among the mirrors is not asked, whatever the others answer", async () => {
  await using origin = await startOrigin();
  await using internal = await startOrigin();
  await using larder = await openTestLibrary({ allowOrigins: [origin.origin] });
  const urls = [origin.url("/missing"), internal.file("/f", SMALL), "https://169.254.169.254/f"];
  expectFailed(await pullAndWait(larder.library, fileOf(urls)), "SSRF_BLOCKED");
  expect(internal.connections).toBe(0);
  await expectNothingWritten(larder);
  expectDone(await pullAndWait(larder.library, fileOf([...urls, origin.file("/f", SMALL)])));
});

async function refusal(library: Library, request: PullRequest): Promise<unknown[]> {
  try {
    await library.pull(request);
    return ["accepted"];
  } catch (error) {
    if (isLarderError(error)) return [error.code, error.field];
    throw error;
  }
}

test("S07: a source that is neither http nor https is refused by its field", async () => {
  await using larder = await openTestLibrary();
  const addresses = [
    "file:///etc/passwd",
    "s3://bucket/key",
    "data:text/plain,hi",
    "unix:/run/x.sock",
    "ftp://h.test/f",
    "blob:https://h.test/x",
    "javascript:1",
    "/etc/passwd",
    "h.test/f",
    "https://user:secret@h.test/f",
    "",
  ];
  for (const address of addresses) {
    expect([address, ...await refusal(larder.library, fileOf([address]))]).toEqual([
      address,
      "BAD_SOURCE",
      "files[0].urls",
    ]);
    const second = await refusal(larder.library, fileOf(["https://h.test/f", address]));
    expect(second).toEqual(["BAD_SOURCE", "files[0].urls"]);
  }
  expect(await larder.library.listPulls()).toEqual([]);
  await expectNothingWritten(larder);
});

test("M13: paths that lead out, and two files of one name, are refused before anything is fetched", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const url = origin.file("/f", SMALL);
  const bad = [
    "../../evil",
    "/evil",
    "a/../b",
    "./a",
    "a//b",
    "a/",
    "..",
    ".",
    "",
    "a\\b",
    "a\0b",
    "C:\\evil",
    "a/..\\b",
  ];
  for (const path of bad) {
    const request = { model: "m", files: [{ path: "right", urls: [url] }, { path, urls: [url] }] };
    expect([path, ...await refusal(larder.library, request)]).toEqual([path, "BAD_PATH", "files[1].path"]);
  }
  const twice = [["a/b", "a/b"], ["f.bin", "f.bin.gz"]] as const;
  for (const paths of twice) {
    const files = paths.map((path) => ({ path, urls: [path.endsWith(".gz") ? `${url}.gz` : url] }));
    expect(await refusal(larder.library, { model: "m", files })).toEqual(["BAD_PATH", "files[1].path"]);
  }
  for (const paths of [["a", "a/b"], ["a/b/c", "a/b"]]) {
    const files = paths.map((path) => ({ path, urls: [url] }));
    expect(await refusal(larder.library, { model: "m", files })).toEqual(["BAD_PATH", "files[1].path"]);
  }
  expect(await refusal(larder.library, { model: "m", files: [] })).toEqual(["SOURCE_REQUIRED", "files"]);
  expect(origin.connections).toBe(0);
  expect(await larder.library.listPulls()).toEqual([]);
  await expectNothingWritten(larder);
});

/** Every byte of every file below a folder. */
function everything(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${path}\n${readFileSync(path, "latin1")}`)
    .join("\n");
}

test("S17: the query of a signed address is in no file, no view, no error and no log", async () => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => void records.push(record) },
    loggers: [{ category: ["larder"], sinks: ["memory"], lowestLevel: "trace" }, {
      category: ["logtape", "meta"],
      sinks: [],
    }],
  });
  try {
    await using origin = await startOrigin({ bytesPerSecond: 10 * MIB });
    await using larder = await openTestLibrary();
    const bytes = pseudoRandomBytes(43, 8 * MIB);
    const signed = (path: string) =>
      `${
        origin.file(path, bytes, { etag: '"v1"' })
      }?X-Amz-Signature=CANARY1&X-Amz-Credential=CANARY2&token=CANARY3`;
    const views: unknown[] = [];
    const running = await larder.library.pull(fileOf(signed("/slow"), {}, "slow"));
    for await (const view of larder.library.watchPull(running.id)) {
      views.push(view);
      if (view.bytes_done > 5 * MIB) break;
    }
    views.push(everything(larder.home)); // with part and journal
    views.push(await larder.library.pausePull(running.id));
    origin.bytesPerSecond = Infinity;
    views.push(await pullAndWait(larder.library, fileOf(signed("/done"), exactly(bytes), "done")));
    for (const status of [403, 500]) {
      origin.fault("/bad", [{ kind: "status", status, body: "CANARY1" }], { forever: true });
      views.push(await pullAndWait(larder.library, fileOf(signed("/bad"), {}, "bad")));
    }
    origin.on("/away", (exchange) => exchange.answer(302, { Location: "https://10.0.0.1/f?sig=CANARY4" }));
    views.push(await pullAndWait(larder.library, fileOf(origin.url("/away"), {}, "away")));
    views.push(
      await larder.library.listPulls(),
      await larder.library.describe("done"),
      await larder.library.list({}),
    );
    await larder.close();
    const shown = JSON.stringify(views) + everything(larder.home) +
      records.map((record) => JSON.stringify([record.message, record.properties])).join("\n");
    expect(shown).toContain("/slow");
    expect(shown).not.toContain("CANARY");
    expect(origin.requests.some(({ target }) => target.includes("CANARY1"))).toBe(true);
  } finally {
    await reset();
  }
});

test("addresses that only their token tells apart are two files, also in one pull", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const contents = new Map([["one", SMALL], ["two", SMALL.subarray(1)]]);
  origin.on("/get", async (exchange) => {
    const bytes = contents.get(new URL(exchange.request.target, "http://h").searchParams.get("token") ?? "");
    await exchange.head(200, { "Content-Length": String(bytes?.length ?? 0) });
    await exchange.write(bytes ?? "");
  });
  const files = [...contents.keys()].map((token) => ({
    path: token,
    urls: [origin.url(`/get?token=${token}`)],
  }));
  expectDone(await pullAndWait(larder.library, { model: "m", files }));
  for (const [path, bytes] of contents) await expectContent(larder, bytes, { path });
  await expectSound(larder);
});
