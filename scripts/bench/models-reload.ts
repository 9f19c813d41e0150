import type { PredictView } from "../../src/library/model-types.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { settle } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import { type Answered, steadyRequests } from "./shared/steady-requests.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

const MODEL = "demo/iris";
const ALIAS = "live";
/** What the two versions call their class, so that an answer shows which one made it. */
const LABEL_OF: Readonly<Record<string, string>> = { "1.0.0": "label", "1.1.0": "output_label" };
const VERSIONS = Object.keys(LABEL_OF);
const FEATURES = [6.1, 2.8, 4.7, 1.2];
const PER_SECOND = 500;
const [SECONDS, RELOADS] = [60, 20];
const [QUICK_SECONDS, QUICK_RELOADS] = [10, 4];
const RATIO_MAX = 2;

/** Clients ask for an alias at a steady pace while it moves from one version to the other and back. */
export const modelsReload: Bench = {
  name: "models-reload",
  title: `Reloads under ${PER_SECOND} requests per second`,
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const [seconds, reloads] = context.quick ? [QUICK_SECONDS, QUICK_RELOADS] : [SECONDS, RELOADS];
  await using server = await LarderServer.start(context, "home", ["--demo"]);
  await move(server, VERSIONS[0] ?? "");
  const failed: number[] = [];
  const mixed: number[] = [];
  const waited: number[] = [];
  const p99 = { larder: [] as number[], peer: [] as number[] };
  for (let round = 1; round <= context.pairs; round++) {
    await settle(context);
    p99.peer.push(p99Of(await ask(server, seconds)));
    await settle(context);
    const asked = await ask(server, seconds, reloads);
    p99.larder.push(p99Of(asked));
    failed.push(asked.answers.filter(({ status }) => status !== 200).length);
    mixed.push(countMixed(asked));
    waited.push(readAnswers(asked).filter(({ timing_ms }) => timing_ms.load > 0).length);
    context.say(
      `round ${round} of ${context.pairs}: ${asked.answers.length} answers, ${failed.at(-1)} failed, ` +
        `${mixed.at(-1)} mixed, p99 ${p99.larder.at(-1)?.toFixed(2)} ms after ${
          p99.peer.at(-1)?.toFixed(2)
        } ms`,
    );
  }
  const none = { statistic: "max", aim: { atMost: 0 } } as const;
  return [
    { what: "failed", unit: "requests", larder: failed, ...none },
    { what: "mixed versions", unit: "requests", larder: mixed, ...none },
    {
      what: `p99 with ${reloads} reloads in ${seconds} s`,
      against: "without",
      unit: "ms",
      ...p99,
      aim: { atMost: RATIO_MAX },
    },
    { what: "waited for the load of a version", unit: "requests", larder: waited },
  ];
}

/** A reload, in times of `performance.now()`. */
interface Move {
  readonly version: string;
  readonly beganMs: number;
  readonly endedMs: number;
}

interface Asked {
  readonly answers: readonly Answered[];
  readonly moves: readonly Move[];
}

/** Reloads are spread evenly, none at the very begin or end. */
async function ask(server: LarderServer, seconds: number, reloads = 0): Promise<Asked> {
  const json = JSON.stringify({ model: MODEL, version: ALIAS, inputs: [FEATURES] });
  const path = "/api/v1/predict";
  const asking = steadyRequests({ url: server.url, path, json, perSecond: PER_SECOND, seconds });
  const moves: Move[] = [];
  while (moves.length < reloads) {
    await Bun.sleep(seconds * 1000 / (reloads + 1));
    moves.push(await move(server, VERSIONS[(moves.length + 1) % VERSIONS.length] ?? ""));
  }
  return { answers: await asking, moves };
}

async function move(server: LarderServer, version: string): Promise<Move> {
  const beganMs = performance.now();
  await server.json("PUT", `/api/models/${MODEL}/aliases/${ALIAS}`, { version });
  await server.json("POST", "/api/v1/models/reload", { model: MODEL, version: ALIAS });
  return { version, beganMs, endedMs: performance.now() };
}

/**
 * Answers whose content is not of the version that they name, and those by an earlier version to requests that were sent when the
 * new one had answered already, or its reload was over.
 */
function countMixed({ answers, moves }: Asked): number {
  const read = readAnswers({ answers });
  const alien = read.filter(({ version, outputs }) => !Object.hasOwn(outputs, LABEL_OF[version] ?? ""));
  const stale = moves.flatMap((move, i) => {
    const untilMs = moves[i + 1]?.beganMs ?? Infinity;
    const during = read.filter((one) => one.answeredMs > move.beganMs && one.answeredMs < untilMs);
    const seen = during.filter(({ version }) => version === move.version);
    const sinceMs = Math.min(move.endedMs, ...seen.map(({ answeredMs }) => answeredMs));
    return during.filter(({ version, sentMs }) => sentMs > sinceMs && version !== move.version);
  });
  return new Set([...alien, ...stale]).size;
}

type Read = Answered & Pick<PredictView, "version" | "outputs" | "timing_ms">;

/** Those that are no failures. */
function readAnswers({ answers }: Pick<Asked, "answers">): Read[] {
  return answers.filter(({ status }) => status === 200).map((answer) => {
    const { version, outputs, timing_ms } = JSON.parse(answer.body) as PredictView;
    return { ...answer, version, outputs, timing_ms };
  });
}

function p99Of({ answers }: Asked): number {
  return quantile(answers.map(({ ms }) => ms), 0.99);
}
