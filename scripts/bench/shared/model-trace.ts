/** A model as a trace knows it. */
export interface TracedModel {
  readonly name: string;
  readonly bytes: number;
  readonly loadMs: number;
}

const MODELS = 300;
/** The exponent of Zipf's law: the model of rank r is asked for r^-0.9 times as often as the first. */
const SKEW = 0.9;
const [BYTES_MEDIAN, BYTES_SPREAD, BYTES_MAX] = [300e6, 1.2, 12e9];
const [LOAD_MS_MIN, BYTES_PER_MS_MEDIAN, RATE_SPREAD] = [150, 800e3, 0.6];
/** So often, some models change places in popularity. */
const SHIFT_EVERY = 4000;
const SHIFTED = MODELS / 10;
/** So often, a job asks for many models once. */
const SCAN_EVERY = 2500;
const SCANNED = 60;

/**
 * Requests as a machine with many models sees them: popularity by Zipf's law that drifts, a scan now and then, and sizes over three
 * orders of magnitude. A load takes the longer the larger the model is, at a rate of its own.
 */
export function modelTrace(seed: number, requests: number): TracedModel[] {
  const random = pseudoRandom(seed);
  const ranking = Array.from({ length: MODELS }, (_, number) => tracedModel(number, random));
  const pick = zipf(MODELS, random);
  const trace: TracedModel[] = [];
  while (trace.length < requests) {
    trace.push(...[ranking[pick()]].filter((model) => model !== undefined));
    if (trace.length % SHIFT_EVERY === 0) shift(ranking, random);
    if (trace.length % SCAN_EVERY === 0) trace.push(...scan(ranking, random));
  }
  return trace.slice(0, requests);
}

export function tracedModel(number: number, random: () => number): TracedModel {
  const bytes = Math.min(BYTES_MAX, Math.ceil(BYTES_MEDIAN * Math.exp(BYTES_SPREAD * normal(random))));
  const bytesPerMs = BYTES_PER_MS_MEDIAN * Math.exp(RATE_SPREAD * normal(random));
  return { name: `bench/model-${number}`, bytes, loadMs: LOAD_MS_MIN + bytes / bytesPerMs };
}

/** Ranks from 0 up to a number of models, the first most often. */
export function zipf(models: number, random: () => number): () => number {
  let total = 0;
  const upTo = Array.from({ length: models }, (_, rank) => total += (rank + 1) ** -SKEW);
  return () => {
    const point = random() * total;
    return upTo.findIndex((sum) => sum >= point);
  };
}

function shift(ranking: TracedModel[], random: () => number): void {
  for (let time = 0; time < SHIFTED; time++) {
    const [from, to] = [Math.floor(random() * MODELS), Math.floor(random() * MODELS)];
    ranking.splice(to, 0, ...ranking.splice(from, 1));
  }
}

function scan(ranking: readonly TracedModel[], random: () => number): TracedModel[] {
  const start = Math.floor(random() * (MODELS - SCANNED));
  return ranking.slice(start, start + SCANNED);
}

/** Box and Muller: mean 0, deviation 1. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
export function pseudoRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
