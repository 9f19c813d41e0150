import { expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../helpers/digest.ts";
import { resultOf } from "../helpers/larder-process.ts";
import { findTool, testWith } from "../helpers/tools.ts";
import { waitUntil } from "../helpers/wait.ts";
import { opensslDigest } from "./blobs.ts";
import { type World, world } from "./world.ts";

const TIMEOUT_MS = 60_000;
const MIB = 2 ** 20;
/** By default, for a file of this size. */
const CONNECTIONS = 4;

testWith(
  ["nginx", "curl", "openssl", "aria2c"],
  "the first day: serve, pull, read with other tools, clean up",
  async () => {
    await using at = await world();
    const { larder } = at;
    const server = await larder.serve();
    const file = await at.sample("tiny.gguf", 70 * MIB);
    const pulled = await larder.run("pull", "acme/tiny@1.0.0", file.address, "--sha256", file.digest);
    expect([pulled.code, pulled.json]).toMatchObject([0, {
      state: "done",
      version: "1.0.0",
      bytes_total: 70 * MIB,
    }]);
    const url = `${server.url}/api/files/acme/tiny/1.0.0/tiny.gguf`;
    await readWithCurl(at, url, file.bytes, file.digest);
    await readWithDownloaders(at, url, file.digest);

    expect((await larder.run("list")).json).toMatchObject({
      models: [{ model: "acme/tiny", size_bytes: 70 * MIB }],
    });
    expect((await larder.run("show", "acme/tiny")).json).toMatchObject({
      version: {
        files: [{ path: "tiny.gguf", sha256: file.digest, state: "intact", sources: [file.address] }],
      },
    });
    const path = await larder.run("path", "acme/tiny", "--file");
    expect(await opensslDigest(Bun.file(String(path.json["local_path"])))).toBe(file.digest);
    expect(await larder.run("verify", "acme/tiny")).toMatchObject({
      code: 0,
      json: { result: { intact: 1 } },
    });
    expect((await larder.run("remove", "acme/tiny")).json).toMatchObject({ versions: ["1.0.0"] });
    expect(await curl("-o", "/dev/null", "-w", "%{http_code}", url)).toBe("404");
    const swept = await larder.run("gc", "--grace", "0s");
    expect([swept.code, swept.json]).toMatchObject([0, { state: "done", result: { dry_run: false } }]);
    expect(await Array.fromAsync(new Bun.Glob("*/*").scan({ cwd: larder.inHome("blobs/sha256") }))).toEqual(
      [],
    );
    expect(await server.stop()).toBe(0);
  },
  TIMEOUT_MS,
);

testWith(
  ["nginx"],
  "an address alone is enough, without a server too, and the second pull fetches nothing",
  async () => {
    await using at = await world();
    const file = await at.sample("iris.onnx", 6 * MIB);
    const first = await at.larder.run("pull", file.address, "--as", "iris");
    expect([first.code, first.json]).toMatchObject([0, { state: "done", model: "iris", variant: "default" }]);
    const before = await at.requestCount();
    const again = await at.larder.run("pull", file.address, "--as", "iris", "--sha256", file.digest);
    expect([again.code, again.json]).toMatchObject([0, { state: "done", version: first.json["version"] }]);
    expect(await at.requestCount()).toBe(before);
  },
  TIMEOUT_MS,
);

testWith(["nginx"], "Ctrl-C in a pull keeps what came, and the same command goes on from there", async () => {
  await using at = await world();
  const file = await at.sample("tiny.gguf", 96 * MIB);
  const command = [
    "pull",
    "acme/tiny@1",
    at.nginx.address("/tiny.gguf", 16 * MIB),
    "--sha256",
    file.digest,
    "--json",
  ];
  const child = at.larder.spawn(command);
  await waitUntil(async () => await at.nginx.answering() === CONNECTIONS);
  child.kill("SIGINT");
  const stopped = await resultOf(child);
  const kept = Number(stopped.json["bytes_done"]);
  expect([stopped.code, stopped.json]).toMatchObject([130, { state: "paused" }]);
  expect(kept).toBeGreaterThan(0);
  expect(stopped.stderr).toContain("run the same command again");
  await at.nginx.quiet();
  const before = (await at.nginx.requests()).length;
  expect(await resultOf(at.larder.spawn(command))).toMatchObject({ code: 0, json: { state: "done" } });
  const later = (await at.nginx.requests()).slice(before);
  expect(later.filter(({ range }) => range === undefined || range.start === 0)).toEqual([]);
  const sent = later.reduce((sum, one) => sum + one.bytesSent, 0);
  expect(sent).toBeLessThan(file.bytes.length - kept + CONNECTIONS * 5 * MIB);
}, TIMEOUT_MS);

async function readWithCurl(at: World, url: string, bytes: Uint8Array, digest: string): Promise<void> {
  const out = join(at.path, "curl.bin");
  const head = await curl("-D", "-", "-o", out, url);
  expect(await opensslDigest(Bun.file(out))).toBe(digest);
  const etag = /^etag: (.*)\r$/im.exec(head)?.[1] ?? "";
  expect(etag).toContain(digest);
  expect(head).toMatch(/^accept-ranges: bytes\r$/im);
  expect(await curl("-I", url)).toMatch(new RegExp(`^content-length: ${bytes.length}\\r$`, "im"));
  const slices = [["0-0", 0, 1], ["5242879-5242881", 5242879, 5242882], [
    "-100",
    bytes.length - 100,
    bytes.length,
  ]] as const;
  for (const [range, start, end] of slices) {
    expect(await curl("-r", range, "-o", out, "-w", "%{http_code}", url)).toBe("206");
    expect([range, digestOf(await Bun.file(out).bytes())]).toEqual([
      range,
      digestOf(bytes.subarray(start, end)),
    ]);
  }
  const code = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
  expect(await curl(...code, "-H", `If-None-Match: ${etag}`, url)).toBe("304 0");
  expect(await curl(...code, "-H", 'If-None-Match: "other"', "-r", "0-9", url)).toBe("206 10");
  expect(await curl(...code, "-H", 'If-Range: "other"', "-r", "0-9", url)).toBe(`200 ${bytes.length}`);
  expect(await curl("-o", "/dev/null", "-w", "%{http_code}", "-r", `${bytes.length}-`, url)).toBe("416");
  // A download that was cut goes on where it ended.
  await Bun.write(out, bytes.subarray(0, 1_000_000));
  await curl("-C", "-", "-o", out, url);
  expect(await opensslDigest(Bun.file(out))).toBe(digest);
}

async function readWithDownloaders(at: World, url: string, digest: string): Promise<void> {
  const folder = join(at.path, "downloads");
  await mkdir(folder);
  await succeed(
    "aria2c",
    "-x4",
    "-s4",
    "-k1M",
    "-q",
    `--checksum=sha-256=${digest}`,
    "-d",
    folder,
    "-o",
    "aria.bin",
    url,
  );
  expect(await opensslDigest(Bun.file(join(folder, "aria.bin")))).toBe(digest);
  if (findTool("wget") === undefined) return;
  await succeed("wget", "-q", "-O", join(folder, "wget.bin"), url);
  expect(await opensslDigest(Bun.file(join(folder, "wget.bin")))).toBe(digest);
}

function curl(...args: string[]): Promise<string> {
  return succeed("curl", "-sS", ...args);
}

async function succeed(tool: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn([findTool(tool) ?? tool, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([tool, await child.exited, stderr]).toEqual([tool, 0, ""]);
  return stdout;
}
