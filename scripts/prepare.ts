// deno-lint-ignore-file no-console
import { Database } from "bun:sqlite";
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { explain, findCommit } from "./build.ts";

const ROOT = resolve(import.meta.dir, "..");
const EXECUTABLE = join(ROOT, "dist/larder");
const INSTALLED_STAMP = join(ROOT, "node_modules/.larder-installed");
const BUILT_STAMP = join(ROOT, "dist/.larder-built");
const LOCK_WAIT_MS = 10 * 60 * 1000;

/** Brings the packages of the lockfile and the executable up to date; silent when they are. */
export async function prepare(): Promise<void> {
  using _lock = takeSetupLock();
  await ensureInstalled();
  await ensureBuilt();
}

/** Installs the packages that the lockfile names, unless they are there. */
export async function ensureInstalled(): Promise<void> {
  const wanted = await digestOf(["package.json", "bun.lock", ".bun-version"]);
  if (await readStamp(INSTALLED_STAMP) === wanted) return;
  console.error("larder: installing packages");
  bun("install", "--frozen-lockfile", "--ignore-scripts");
  await Bun.write(INSTALLED_STAMP, wanted);
}

/** Compiles `dist/larder`, unless it was built from these very files and this commit. */
export async function ensureBuilt(): Promise<void> {
  const sources = [...new Bun.Glob("src/**/*").scanSync({ cwd: ROOT, onlyFiles: true })].sort();
  const scripts = ["scripts/build.ts", "scripts/native-libraries.ts"];
  const inputs = await digestOf(["package.json", "bun.lock", ".bun-version", ...scripts, ...sources]);
  const commit = findCommit();
  if (await readStamp(BUILT_STAMP) === `${inputs} ${commit} ${identityOf(EXECUTABLE)}`) return;
  console.error("larder: compiling dist/larder");
  // Not in this process: it has looked for the packages before they were installed, and remembers that they are absent.
  bun("scripts/build.ts", "--outfile", EXECUTABLE, "--commit", commit);
  await Bun.write(BUILT_STAMP, `${inputs} ${commit} ${identityOf(EXECUTABLE)}`);
}

/** Keeps two runs in one checkout apart. SQLite's lock ends with its process, so none is ever left behind. */
export function takeSetupLock(): Disposable {
  mkdirSync(join(ROOT, ".tools"), { recursive: true });
  const lock = new Database(join(ROOT, ".tools/lock"));
  lock.run(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}; PRAGMA locking_mode = EXCLUSIVE`);
  lock.run("BEGIN EXCLUSIVE; COMMIT");
  return { [Symbol.dispose]: () => lock.close() };
}

function bun(...args: string[]): void {
  const run = Bun.spawnSync([process.execPath, ...args], { cwd: ROOT });
  if (!run.success) throw new Error(`Cannot run bun ${args[0]}:\n${run.stdout}${run.stderr}`.trimEnd());
}

/** Contents and not times: a checkout of an older commit makes files newer, and a removed file leaves no time. */
async function digestOf(files: readonly string[]): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const file of files) {
    const bytes = await Bun.file(join(ROOT, file)).bytes();
    hasher.update(`${file}\0${bytes.byteLength}\0`).update(bytes);
  }
  return hasher.digest("hex");
}

/** Tells an executable that somebody else put there from the one the stamp was written for. */
function identityOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.size} ${stat.mtimeMs}` : "absent";
}

async function readStamp(path: string): Promise<string | undefined> {
  const stamp = Bun.file(path);
  return await stamp.exists() ? await stamp.text() : undefined;
}

if (import.meta.main) {
  await prepare().catch((error: unknown) => {
    console.error(`larder: ${explain(error)}`);
    process.exit(1);
  });
}
