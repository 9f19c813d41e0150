// deno-lint-ignore-file no-console
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nativeLibraries } from "./native-libraries.ts";

const ROOT = resolve(import.meta.dir, "..");

export interface BuildOptions {
  /** A target of Bun, such as `bun-linux-arm64` or `bun-linux-x64-musl`; absent means this machine. */
  readonly target?: string;
  /** Where the executable goes; an older one is replaced in one step, also while it runs. */
  readonly outfile: string;
  readonly commit: string;
  /** Another source tree, for tests of this script. */
  readonly src?: string;
}

/** Compiles the executable. @throws {AggregateError} The bundler's messages. */
export async function build(options: BuildOptions): Promise<void> {
  const { outfile } = options;
  await mkdir(dirname(outfile), { recursive: true });
  // A folder of its own and not a temporary name: the name of the file becomes part of the program (`import.meta.url`).
  const arrival = await mkdtemp(join(dirname(outfile), ".building-"));
  try {
    const compiled = join(arrival, basename(outfile));
    await compile({ ...options, outfile: compiled, scratch: join(arrival, "native") });
    await rename(compiled, outfile);
  } finally {
    await rm(arrival, { recursive: true, force: true });
  }
}

interface CompileOptions extends BuildOptions {
  readonly scratch: string;
}

async function compile(
  { target, outfile, commit, scratch, src = join(ROOT, "src") }: CompileOptions,
): Promise<void> {
  const workers = [...new Bun.Glob("**/*.worker.ts").scanSync(src)].sort();
  const { version } = await Bun.file(join(ROOT, "package.json")).json();
  await Bun.build({
    entrypoints: ["main.ts", ...workers].map((file) => join(src, file)),
    // spawnWorker() finds a worker by its path below this folder.
    root: src,
    target: "bun",
    // Parsed ahead of time: 60 to 80 ms less from start to the first answer, for 5 MB.
    format: "esm",
    bytecode: true,
    // Names stay, because logs show the class of an error; they are a few KiB beside a runtime of 100 MiB.
    minify: { whitespace: true, syntax: true, identifiers: false },
    // Embedded, so that a stack names files and lines of the source.
    sourcemap: "inline",
    plugins: [nativeLibraries({ scratch, ...(target && { target }) })],
    define: { LARDER_VERSION: JSON.stringify(version), LARDER_COMMIT: JSON.stringify(commit) },
    compile: {
      ...(target && { target: target as Bun.Build.CompileTarget }),
      outfile,
      // The folder it is started in may belong to somebody else, and a bunfig.toml there can name code to run.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
}

/** The commit of the checkout, with `-dirty` when tracked files differ from it; empty without git. */
export function findCommit(): string {
  if (Bun.which("git") === null) return "";
  // The prefix is empty at the top of a checkout only: an unpacked archive inside another project has no commit.
  const [prefix, commit] = git("rev-parse", "--show-prefix", "HEAD").split("\n");
  if (prefix !== "" || !commit) return "";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}-dirty`;
}

function git(...args: string[]): string {
  const run = Bun.spawnSync(["git", ...args], { cwd: ROOT, stderr: "ignore" });
  return run.success ? run.stdout.toString() : "";
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { target: { type: "string" }, outfile: { type: "string" }, commit: { type: "string" } },
  });
  const { target } = values;
  const name = target ? `larder-${target.replace(/^bun-/, "")}` : "larder";
  const outfile = resolve(values.outfile ?? join(ROOT, "dist", name));
  await build({ ...(target && { target }), outfile, commit: values.commit ?? findCommit() });
  console.log(outfile);
}

/** What went wrong in words; the bundler gathers its messages in one error. */
export function explain(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.join("\n");
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(`larder: cannot compile: ${explain(error)}`);
    process.exit(1);
  });
}
