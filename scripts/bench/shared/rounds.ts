import type { BenchContext } from "./types.ts";

/** After a flush a disk may still be busy with what it was told to discard. */
const CALM_MS = 200;

/**
 * Measures every side once per round, in turns (A B A B …), so that a machine that changes its pace meanwhile changes it for
 * all. Before each measurement the file system is flushed: nobody pays for what the side before left to be written.
 */
export async function interleave<Side extends string>(
  context: BenchContext,
  sides: Readonly<Record<Side, () => Promise<number>>>,
): Promise<Record<Side, number[]>> {
  const entries = Object.entries(sides) as [Side, () => Promise<number>][];
  const measured = Object.fromEntries(entries.map(([side]) => [side, []])) as unknown as Record<
    Side,
    number[]
  >;
  for (let round = 1; round <= context.pairs; round++) {
    for (const [side, measure] of entries) {
      await settle(context);
      const value = await measure();
      measured[side].push(value);
      context.say(`round ${round} of ${context.pairs}, ${side}: ${value.toFixed(3)}`);
    }
  }
  return measured;
}

export async function settle({ processes, folder }: BenchContext): Promise<void> {
  await processes.run(["sync", "-f", folder]);
  await Bun.sleep(CALM_MS);
}
