// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";
import { readResults } from "./results-file.ts";
import { counted, markdownTable } from "./shared/table.ts";
import type { BenchResult } from "./shared/types.ts";

const USAGE = "Usage: bun scripts/bench/report.ts <results.json> [--into docs/benchmarks.md]";
const [BEGIN, END] = ["<!-- results: begin -->", "<!-- results: end -->"];

/** The tables of all results, and with what and where they were measured. */
export function report(results: readonly BenchResult[]): string {
  return results.map(section).join("\n\n");
}

function section(result: BenchResult): string {
  const { name, title, started_at, took_s, quick, load_before, environment, rows } = result;
  const size = quick ? ", **quick run: an eighth of the size**" : "";
  const when = `${started_at.slice(0, 16).replace("T", " ")} UTC`;
  return [
    `### ${title}`,
    "",
    `\`./scripts/bench/run ${name}\` · ${counted(result)}${size} · ${when}, ${
      took_s.toFixed(0)
    } s, load before ${load_before}`,
    "",
    markdownTable(rows),
    "",
    `${facts(environment.machine)}. ${facts(environment.versions)}.`,
  ].join("\n");
}

function facts(of: Readonly<Record<string, string>>): string {
  return Object.entries(of).map(([name, value]) => `${name} ${value}`).join(", ");
}

/** @throws {Error} The document has no place for results. */
export function replaceResults(document: string, text: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`Cannot find ${BEGIN} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`;
}

async function main(): Promise<void> {
  const { values, positionals: [path] } = parseArgs({
    allowPositionals: true,
    options: { into: { type: "string" } },
  });
  if (path === undefined) throw new Error(USAGE);
  const text = report(await readResults(path));
  if (values.into === undefined) console.log(text);
  else await Bun.write(values.into, replaceResults(await Bun.file(values.into).text(), text));
}

if (import.meta.main) await main();
