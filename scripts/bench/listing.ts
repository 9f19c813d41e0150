import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ModelPage } from "../../src/library/listing-types.ts";
import { getRate } from "./shared/get-rate.ts";
import { expectOk, HttpConnection } from "./shared/http-connection.ts";
import { honoName, startJsonPeer } from "./shared/json-peer-process.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { seedRegistry } from "./shared/registry-seed.ts";
import { interleave, settle } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

const MODELS = 10_000;
const HOME = "home";
const LIBRARY = "/api/models/library";
/** Every tenth model or so, the last ones first: everything is looked at and put in order. */
const FILTERED = `${LIBRARY}?quick=true&provider=url&capability=predict&sort=-updated_at&q=7`;
const FIRST_PAGE = `${LIBRARY}?quick=true`;
/** The bytes of these models are nowhere: reading them through would find them missing, one after the other. */
const CALM = ["--scrub-bytes-per-s", "0"];
const REQUESTS = 8000;
const CLIENTS = 32;
const SECONDS = 5;
const AIMS = { times: 40, p99Ms: 2, rate: 0.6 };

/** The list of many models: the first one of a server, the same again and again, and beside a server that has only that text. */
export const listing: Bench = {
  name: "listing",
  title: "Listing of 10,000 models",
  needs: ["wrk"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const models = context.size(MODELS);
  context.say(`making ${models} models`);
  await mkdir(join(context.folder, HOME), { recursive: true });
  await seedRegistry(join(context.folder, HOME, "registry.sqlite"), models);
  const { first, median, p99 } = await firstAndCached(context);
  const times = first.map((ms, round) => ms / (median[round] ?? Number.NaN));
  return [
    { what: "first filtered list of a server", unit: "ms", larder: first },
    { what: "the same list again, p50", unit: "ms", larder: median },
    { what: "the same list again, p99", unit: "ms", larder: p99, aim: { atMost: AIMS.p99Ms } },
    { what: "first to p50 of the others", unit: "times", larder: times, aim: { atLeast: AIMS.times } },
    ...await rates(context, models),
  ];
}

interface Times {
  readonly first: number[];
  readonly median: number[];
  readonly p99: number[];
}

/** One server a round, each asked over one connection. Milliseconds. */
async function firstAndCached(context: BenchContext): Promise<Times> {
  const times: Times = { first: [], median: [], p99: [] };
  const requests = context.size(REQUESTS);
  for (let round = 1; round <= context.pairs; round++) {
    await settle(context);
    await using server = await LarderServer.start(context, HOME, CALM);
    using connection = await HttpConnection.open(server.url);
    const first = await connection.get(FILTERED);
    const { total } = JSON.parse(expectOk(first)) as ModelPage;
    if (total === 0) throw new Error("Cannot measure: the filter leaves nothing");
    const again: number[] = [];
    while (again.length < requests) {
      const answer = await connection.get(FILTERED);
      if (expectOk(answer) !== first.body) throw new Error("Cannot measure: the list is another one");
      again.push(answer.ms);
    }
    times.first.push(first.ms);
    times.median.push(quantile(again, 0.5));
    times.p99.push(quantile(again, 0.99));
    context.say(`round ${round} of ${context.pairs}: ${total} models, first ${first.ms.toFixed(1)} ms`);
  }
  return times;
}

/** The first page, beside the same text that is always there. */
async function rates(context: BenchContext, models: number): Promise<Row[]> {
  await using server = await LarderServer.start(context, HOME, CALM);
  const text = await server.text(FIRST_PAGE);
  await using peer = await startJsonPeer(context, text);
  const load = { clients: CLIENTS, seconds: context.quick ? 1 : SECONDS };
  const measured = await interleave(context, {
    larder: () => getRate(context, server.url + FIRST_PAGE, load),
    peer: () => getRate(context, peer.said.url, load),
  });
  const kib = (text.length / 1024).toFixed(0);
  return [{
    what: `first page of ${models} models (${kib} KiB), ${CLIENTS} clients`,
    against: `a constant text, ${await honoName()}`,
    unit: "/s",
    ...measured,
    aim: { atLeast: AIMS.rate },
  }];
}
