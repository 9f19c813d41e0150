// deno-lint-ignore-file no-console
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { explain } from "./build.ts";
import { ensureBuilt, ensureInstalled, takeSetupLock } from "./prepare.ts";

const ROOT = resolve(import.meta.dir, "..");
const TEST_TIMEOUT_MS = 30_000;
/** Test files that run beside each other: most of a file's time is waiting. More would make servers of tests too slow for their clients. */
const FILES_AT_ONCE = 2;
/** Far above what the suite needs: only there so that a test that never yields cannot hang a machine. */
const STEP_TIMEOUT_MS = 40 * 60 * 1000;

type Count = { passed: number; failed: number; skipped: number };

const BUN = process.execPath;
const CHECKS: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["format", [BUN, "node_modules/deno/bin.cjs", "fmt", "--check"]],
  ["lint", [BUN, "node_modules/deno/bin.cjs", "lint", "--quiet"]],
  ["types", [BUN, "node_modules/typescript/bin/tsc", "--noEmit"]],
  ["layers", [BUN, "scripts/check-layers.ts"]],
];

async function main(filters: readonly string[]): Promise<Count> {
  const total: Count = { passed: 0, failed: 0, skipped: 0 };
  const step = async (name: string, work: () => Promise<boolean>) => {
    const isGood = await work();
    console.log(`${isGood ? "ok  " : "FAIL"}  ${name}`);
    total[isGood ? "passed" : "failed"]++;
  };
  await step("packages", () => succeeds(underLock(ensureInstalled)));
  for (const [name, command] of CHECKS) await step(name, async () => await run(command) === 0);
  await step("compile", () => succeeds(underLock(ensureBuilt)));
  const tests = await runTests(filters);
  return {
    passed: total.passed + tests.passed,
    failed: total.failed + tests.failed,
    skipped: tests.skipped,
  };
}

async function runTests(filters: readonly string[]): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), "larder-tests-"));
  try {
    const report = join(folder, "junit.xml");
    const options = [
      ...[`--timeout=${TEST_TIMEOUT_MS}`, `--parallel=${FILES_AT_ONCE}`],
      ...["--reporter=junit", `--reporter-outfile=${report}`],
    ];
    const exitCode = await run([BUN, "test", ...options, ...filters]);
    return countTests(await Bun.file(report).text().catch(() => ""), exitCode);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads the totals of a JUnit report. A run that failed in another way than by a test counts as one failure. */
export function countTests(report: string, exitCode: number): Count {
  const totals = /<testsuites\b[^>]*>/.exec(report)?.[0] ?? "";
  const read = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(totals)?.[1] ?? 0);
  const skipped = read("skipped");
  const failed = read("failures") || (exitCode === 0 ? 0 : 1);
  return { passed: Math.max(0, read("tests") - read("failures") - skipped), failed, skipped };
}

async function run(command: readonly string[]): Promise<number> {
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    // Nothing is written outside the checkout, and nothing is asked of a network.
    env: { ...process.env, DENO_DIR: join(ROOT, ".tools/deno"), DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: STEP_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  return await child.exited;
}

async function underLock(work: () => Promise<void>): Promise<void> {
  using _lock = takeSetupLock();
  await work();
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    // Whatever it was, the steps after it are to run too; the line at the end counts it.
    console.error(explain(error));
    return false;
  }
}

/** `N passed, N failed`, and the skipped ones if any; scripts read this line. */
export function summarize({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (import.meta.main) {
  const count = await main(process.argv.slice(2));
  if (process.env["CI"] === "true" && count.skipped > 0) {
    console.log(`${count.skipped} tests were skipped; on CI nothing may be, so they count as failed`);
    count.failed += count.skipped;
    count.skipped = 0;
  }
  console.log(summarize(count));
  process.exit(count.failed > 0 ? 1 : 0);
}
