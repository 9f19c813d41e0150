import { BENCHES } from "./benches.ts";
import type { BenchResult } from "./shared/types.ts";

export async function readResults(path: string): Promise<readonly BenchResult[]> {
  const file = Bun.file(path);
  if (!await file.exists()) return [];
  return (await file.json() as { readonly results: readonly BenchResult[] }).results;
}

/** A bench that ran again takes the place of its earlier result; the others stay. */
export async function mergeResult(path: string, result: BenchResult): Promise<void> {
  const others = (await readResults(path)).filter(({ name }) => name !== result.name);
  const results = inOrder([...others, result]);
  await Bun.write(path, `${JSON.stringify({ results }, null, 2)}\n`);
}

function inOrder(results: readonly BenchResult[]): BenchResult[] {
  const place = (result: BenchResult) => BENCHES.findIndex(({ name }) => name === result.name);
  return results.toSorted((a, b) => place(a) - place(b));
}
