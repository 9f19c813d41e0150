import type { StrategyName } from "../../src/preload/index.ts";
import { dailyTrace, MONDAY_S, steadyTrace, type TimedRequest } from "./shared/daily-trace.ts";
import { PreloadStand } from "./shared/preload-stand.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

const DAYS = 35;
const REQUESTS = 20_000;
const MEMORY_BYTES = 16 * GIB;
/** What nobody used for so long leaves the memory: that is the room that preloading fills. */
const KEEP_ALIVE_S = 30 * 60;
const EVERY_S = 30 * 60;
/** Before that, habits are only learned. */
const LEARNED = 0.6;
const STRATEGIES = ["frequency", "recency", "pattern"] as const satisfies readonly StrategyName[];

/** How often a request finds its model loaded, by what is preloaded every half hour. Everything happens in the process of the bench. */
export const preloadTraces: Bench = {
  name: "preload-traces",
  title: "Requests that find their model loaded: what preloading adds",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const days = Math.max(8, context.size(DAYS));
  return [
    ...await compare(context, "daily", (seed) => dailyTrace(seed, days)),
    ...await compare(context, "steady", (seed) => steadyTrace(seed, context.size(REQUESTS))),
  ];
}

type Side = (typeof STRATEGIES)[number] | "none";

/** All see the same requests, in each round others. */
async function compare(
  context: BenchContext,
  name: string,
  traceOf: (seed: number) => readonly TimedRequest[],
): Promise<Row[]> {
  const shares: Record<Side, number[]> = { none: [], frequency: [], recency: [], pattern: [] };
  for (let round = 1; round <= context.pairs; round++) {
    const trace = traceOf(round);
    for (const side of ["none", ...STRATEGIES] as const) {
      const share = await play(trace, side);
      shares[side].push(share);
      context.say(`${name} trace ${round} of ${context.pairs}, ${side}: ${share.toFixed(1)} %`);
    }
  }
  const aim = { atLeast: 1 };
  const rows = STRATEGIES.map((side): Row => ({
    ...{ what: `${name}: ${side}`, unit: "%", against: "no preloading", aim },
    ...{ larder: shares[side], peer: shares.none },
  }));
  if (name !== "daily") return rows;
  return [
    ...rows,
    ...(["frequency", "recency"] as const).map((other): Row => ({
      ...{ what: "daily: pattern", unit: "%", against: other, aim },
      ...{ larder: shares.pattern, peer: shares[other] },
    })),
  ];
}

/** @returns In percent of the requests after the time of learning. */
async function play(trace: readonly TimedRequest[], side: Side): Promise<number> {
  const stand = new PreloadStand(MEMORY_BYTES, KEEP_ALIVE_S);
  const endS = trace.at(-1)?.atS ?? MONDAY_S;
  const countedFromS = MONDAY_S + LEARNED * (endS - MONDAY_S);
  let [asked, found, preloadAtS] = [0, 0, MONDAY_S];
  for (const request of trace) {
    for (; preloadAtS <= request.atS; preloadAtS += EVERY_S) {
      if (side !== "none") await stand.preload(side, preloadAtS);
    }
    const isLoaded = await stand.request(request);
    if (request.atS < countedFromS) continue;
    asked++;
    if (isLoaded) found++;
  }
  await stand.close();
  return 100 * found / asked;
}
