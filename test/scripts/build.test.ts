import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, readdir, realpath, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { build } from "../../scripts/build.ts";

const ROOT = resolve(import.meta.dir, "../..");
const COMPILE_TIMEOUT_MS = 60_000;

const WORKER = `
  import { greet } from "../core/greet.ts";
  declare const self: Worker;
  self.onmessage = (event: MessageEvent) => postMessage(greet(event.data));`;
const MAIN = `
  import { BUILD } from "./core/build-info.ts";
  import sql from "./registry/001.sql" with { type: "text" };
  import { hashWorker } from "./store/start.ts";
  class NamedError extends Error {}
  const worker = hashWorker();
  const answer = await new Promise((resolve, reject) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage("worker");
  });
  const error = new NamedError();
  const frame = error.stack?.split("\\n").find((line) => line.includes("main.ts"))?.trim();
  console.log(JSON.stringify({ BUILD, sql, answer, env: process.env.HOSTILE, name: error.constructor.name, frame }));
  worker.terminate();`;

let folder: string;
let executable: string;
let fromSource: Record<string, unknown>;

async function write(files: Record<string, string>, under: string): Promise<void> {
  for (const [path, text] of Object.entries(files)) await Bun.write(join(under, path), text);
}

async function runIn(cwd: string, command = [executable]): Promise<Record<string, unknown>> {
  const child = Bun.spawn(command, { cwd, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ err, exitCode: await child.exited }).toEqual({ err: "", exitCode: 0 });
  return JSON.parse(out);
}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "larder-build-")));
  const src = join(folder, "src");
  await write({
    "main.ts": MAIN,
    "core/greet.ts": "export const greet = (name: string) => `hello ${name}`;",
    "registry/001.sql": "CREATE TABLE t (a INT) STRICT;",
    "store/hash.worker.ts": WORKER,
    "store/start.ts": `
      import { spawnWorker } from "../core/spawn-worker.ts";
      export const hashWorker = () => spawnWorker("store/hash");`,
  }, src);
  for (const file of ["build-info.ts", "spawn-worker.ts"]) {
    await cp(join(ROOT, "src/core", file), join(src, "core", file));
  }
  fromSource = await runIn(folder, [process.execPath, join(src, "main.ts")]);
  executable = join(folder, "dist/larder");
  await build({ src, outfile: executable, commit: "0123abc" });
  // Out of reach, so that nothing can be found in the source by accident.
  await rename(src, join(folder, "moved-away"));
}, COMPILE_TIMEOUT_MS);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("the executable carries its version, commit, workers and text files", async () => {
  expect(await runIn(folder)).toMatchObject({
    BUILD: { version: packageJson.version, commit: "0123abc" },
    sql: "CREATE TABLE t (a INT) STRICT;",
    answer: "hello worker",
  });
});

test("the source runs as it is, workers and text files included", () => {
  expect(fromSource).toMatchObject({
    BUILD: { version: "0.0.0-source", commit: "" },
    sql: "CREATE TABLE t (a INT) STRICT;",
    answer: "hello worker",
  });
});

test("errors in the executable keep their class and name the line of the source", async () => {
  const { name, frame } = await runIn(folder);
  expect(name).toBe("NamedError");
  expect(frame).toMatch(/main\.ts:12:\d+/);
});

test("P24: an executable started in a hostile folder reads nothing there", async () => {
  const hostile = join(folder, "hostile");
  await write({
    "bunfig.toml": `preload = ["./evil.ts"]`,
    "evil.ts": `await Bun.write("evil-was-here", ""); throw new Error("evil ran");`,
    ".env": "HOSTILE=1",
    ".env.production": "HOSTILE=1",
    "package.json": `{ "type": "commonjs", "imports": { "#x": "./evil.ts" } }`,
    "tsconfig.json": `{ "compilerOptions": { "paths": { "*": ["./evil.ts"] } } }`,
    "store/hash.worker.ts": `postMessage("evil worker");`,
  }, hostile);
  const answer = await runIn(hostile);
  expect(answer).toMatchObject({ answer: "hello worker" });
  expect(answer).not.toHaveProperty("env");
  expect(await readdir(hostile)).not.toContain("evil-was-here");
});

test("build() leaves the old executable and no half-made one when the source is broken", async () => {
  const src = join(folder, "broken");
  await mkdir(src);
  await write({ "main.ts": `import "./absent.ts";` }, src);
  const before = await Bun.file(executable).stat();
  await expect(build({ src, outfile: executable, commit: "" })).rejects.toThrow();
  expect((await Bun.file(executable).stat()).ino).toBe(before.ino);
  expect(await readdir(join(folder, "dist"))).toEqual(["larder"]);
});
