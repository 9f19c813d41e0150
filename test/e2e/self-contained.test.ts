import { expect, test } from "bun:test";
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Api } from "../helpers/api.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Place, place } from "../helpers/executable.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { executable } from "../helpers/executable.ts";
import { findTool, testWith } from "../helpers/tools.ts";

const TIMEOUT_MS = 60_000;
const ROOT = resolve(import.meta.dir, "../..");
const BYTES = pseudoRandomBytes(5, 6_000_000);
const DIGEST = digestOf(BYTES);

test("the executable alone is enough: no other file, no PATH, another working directory", async () => {
  await using origin = await startOrigin();
  await using larder = await place();
  const alone = await aloneIn(larder);
  const bare = { program: alone, cwd: "/", env: { PATH: "" } };
  expect((await larder.runWith(bare, "version")).json["version"]).toMatch(/^\d+\.\d+\.\d+$/);
  const server = await larder.serve([], bare);
  const pull = await larder.runWith(
    bare,
    "pull",
    "acme/model@1",
    origin.file("/model.bin", BYTES),
    "--sha256",
    DIGEST,
  );
  expect(pull).toMatchObject({ code: 0, json: { state: "done" } });
  const file = await fetch(`${server.url}/api/files/acme/model/1/model.bin`);
  expect(digestOf(await file.bytes())).toBe(DIGEST);
  expect(await larder.runWith(bare, "verify")).toMatchObject({ code: 0 });
  expect(await server.stop()).toBe(0);
  expect(await readdir(dirname(alone))).toEqual(["larder"]);
}, TIMEOUT_MS);

testWith(["strace"], "the executable opens nothing of the checkout it was built in", async () => {
  await using origin = await startOrigin();
  await using larder = await place();
  const alone = await aloneIn(larder);
  const trace = join(larder.path, "trace");
  const options = {
    program: alone,
    cwd: "/",
    shell: `exec ${findTool("strace")} -f -qq -e trace=%file -o ${trace} "$@"`,
  };
  const pull = await larder.runWith(options, "pull", "acme/model@1", origin.file("/model.bin", BYTES));
  expect(pull).toMatchObject({ code: 0, json: { state: "done" } });
  const seen = await readFile(trace, "utf8");
  expect(seen).toContain(larder.inHome("registry.sqlite"));
  expect(seen.split("\n").filter((line) => line.includes(`"${ROOT}`) || line.includes("node_modules")))
    .toEqual([]);
}, TIMEOUT_MS);

testWith(["strace"], "P24: nothing in the working directory is read, whatever lies there", async () => {
  await using larder = await place();
  const hostile = await hostileFolder(larder.path);
  const trace = join(larder.path, "trace");
  const traced = { cwd: hostile, shell: `exec ${findTool("strace")} -f -qq -e trace=%file -o ${trace} "$@"` };
  expect(await larder.runWith(traced, "list")).toMatchObject({ code: 0, json: { models: [] } });
  const seen = await readFile(trace, "utf8");
  const opened = seen.split("\n").filter((line) => /open(at)?\(/.test(line) && !line.includes("ENOENT"));
  expect(opened.filter((line) => line.includes(hostile) || /"(?:\.\/)?[^"/]+\.(?:toml|env|json)"/.test(line)))
    .toEqual([]);
  const server = await larder.serve([], { cwd: hostile });
  expect((await new Api(server.url).get("/health/ready")).status).toBe(200);
  expect(await server.stop()).toBe(0);
  expect((await readdir(hostile)).sort()).toEqual(HOSTILE_NAMES);
  expect(await Bun.file(join(larder.path, "elsewhere")).exists()).toBe(false);
}, TIMEOUT_MS);

/** A copy of the executable in a folder of its own. */
async function aloneIn(larder: Place): Promise<string> {
  const folder = join(larder.path, "alone");
  await mkdir(folder);
  await copyFile(await executable(), join(folder, "larder"));
  return join(folder, "larder");
}

const HOSTILE_NAMES = [".env", "bunfig.toml", "larder.toml", "package.json", "preload.ts", "tsconfig.json"];

async function hostileFolder(parent: string): Promise<string> {
  const folder = join(parent, "hostile");
  const elsewhere = join(parent, "elsewhere");
  const files: Record<(typeof HOSTILE_NAMES)[number], string> = {
    ".env": `LARDER_HOME=${elsewhere}\nLARDER_PORT=1\n`,
    "bunfig.toml": 'preload = ["./preload.ts"]\n',
    "larder.toml": `home = "${elsewhere}"\n`,
    "package.json": '{ "name": "hostile", "imports": { "#x": "./preload.ts" } }',
    "preload.ts": `require("node:fs").mkdirSync(${JSON.stringify(elsewhere)}); process.exit(3);`,
    "tsconfig.json": '{ "compilerOptions": { "paths": { "*": ["./preload.ts"] } } }',
  };
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
  return folder;
}
