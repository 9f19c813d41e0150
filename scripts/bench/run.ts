// deno-lint-ignore-file no-console
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled, takeSetupLock } from "../prepare.ts";
import { BENCHES } from "./benches.ts";
import { mergeResult } from "./results-file.ts";
import { Session } from "./session.ts";
import { counted, plainTable } from "./shared/table.ts";
import type { Bench, BenchResult } from "./shared/types.ts";

const EXECUTABLE = resolve(import.meta.dir, "../../dist/larder");
const USAGE =
  `Usage: ./scripts/bench/run <name>|all [--pairs 5] [--quick] [--json <file>] [--work <folder>] [--keep]
                           [--larder <executable>]

  --pairs   how often each side is measured
  --quick   an eighth of the sizes
  --json    a file that keeps the results, one per bench; without it they are printed
  --work    where files are made, on the file system to measure (default: a folder for temporary files)
  --keep    leaves the generated data for the next run
  --larder  measures this executable instead of dist/larder, which is built first if it is stale

${BENCHES.map(({ name, title }) => `  ${name.padEnd(14)}${title}`).join("\n")}`;

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      pairs: { type: "string", default: "5" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      work: { type: "string", default: join(tmpdir(), "larder-bench") },
      keep: { type: "boolean", default: false },
      larder: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const wanted = BENCHES.filter(({ name }) => positionals.includes(name) || positionals.includes("all"));
  const pairs = Number(values.pairs);
  if (values.help || wanted.length === 0 || !Number.isInteger(pairs) || pairs < 1) {
    console.log(USAGE);
    return values.help;
  }
  const { quick, keep } = values;
  const say = (text: string) => console.error(text);
  const larder = values.larder === undefined ? await builtLarder() : resolve(values.larder);
  const session = new Session({ work: resolve(values.work), larder, pairs, quick, keep, say });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      session.close();
      process.exit(130);
    });
  }
  try {
    return await runAll(session, wanted, values.json);
  } finally {
    session.close();
  }
}

/** One that breaks does not keep the others from running. @returns whether all came to their end */
async function runAll(session: Session, wanted: readonly Bench[], json?: string): Promise<boolean> {
  let allRan = true;
  for (const bench of wanted) {
    try {
      await show(await session.run(bench), json);
    } catch (error) {
      console.error(`${bench.name}: ${error instanceof Error ? error.stack : error}`);
      allRan = false;
    }
  }
  return allRan;
}

async function show(result: BenchResult, json?: string): Promise<void> {
  const { title, quick, load_before, environment, rows } = result;
  const size = quick ? ", an eighth of the size" : "";
  console.log(`\n${title}; ${counted(result)}${size} (smallest–largest)`);
  console.log(textOf({ ...environment.machine, "load before": String(load_before) }));
  console.log(textOf(environment.versions));
  console.log(plainTable(rows));
  if (json === undefined) console.log(JSON.stringify(result));
  else await mergeResult(json, result);
}

function textOf(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");
}

async function builtLarder(): Promise<string> {
  using _lock = takeSetupLock();
  await ensureInstalled();
  await ensureBuilt();
  return EXECUTABLE;
}

process.exit(await main() ? 0 : 1);
