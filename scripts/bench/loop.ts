import { type DataFile, warm } from "./shared/data-files.ts";
import { IdleLoop } from "./shared/idle-loop.ts";
import { probeLatencies } from "./shared/latency-probe.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { Nginx } from "./shared/nginx.ts";
import { settle } from "./shared/rounds.ts";
import { quantile } from "./shared/stats.ts";
import { type Aim, type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

const MODEL = "bench/loop";
const P99: Aim = { atMost: 10 };
const LONGEST: Aim = { atMost: 50 };

/** How long the server's event loop does not get to run while its other threads work, by the server's own metric. */
export const loop: Bench = {
  name: "loop",
  title: "Pauses of the server's event loop while pulling and verifying 2 GiB",
  needs: ["nginx"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const file = context.data.ensure("big", context.size(2 * GIB));
  warm([file]);
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  using idleLoop = new IdleLoop();
  const work = {
    pull: () => pull(server, nginx.url(file.path), file),
    verify: () => server.job("verify", {}),
  };
  const inside = { pull: new Pauses(), verify: new Pauses() };
  const beside = { pull: new Pauses(), verify: new Pauses() };
  const outside = { pull: new Pauses(), verify: new Pauses() };
  for (let round = 1; round <= context.pairs; round++) {
    for (const view of ["inside", "outside"] as const) {
      await settle(context);
      for (const what of ["pull", "verify"] as const) {
        if (view === "outside") {
          outside[what].add(await probeLatencies(server.url, "/health/live", work[what]));
        } else {await recordInside(server, idleLoop, {
            work: work[what],
            inside: inside[what],
            beside: beside[what],
          });}
      }
      await server.remove(MODEL);
    }
    context.say(`round ${round} of ${context.pairs}: longest ${inside.pull.longest.at(-1)?.toFixed(1)} ms`);
  }
  return (["pull", "verify"] as const).flatMap((what) => [
    ...inside[what].rows(what, [P99, LONGEST]),
    ...beside[what].rows(`${what}, an idle thread beside it`),
    ...outside[what].rows(`${what}, answer of /health/live`),
  ]);
}

/** Milliseconds, one number per round. */
class Pauses {
  readonly p99: number[] = [];
  readonly longest: number[] = [];

  add(pauses: readonly number[]): void {
    this.p99.push(quantile(pauses, 0.99));
    this.longest.push(quantile(pauses, 1));
  }

  /** The longest of a bench is the longest of all its rounds. */
  rows(what: string, aims: readonly Aim[] = []): Row[] {
    const [p99, longest] = aims.map((aim) => ({ aim }));
    return [
      { what: `${what}, p99`, unit: "ms", larder: this.p99, ...p99 },
      { what: `${what}, longest`, unit: "ms", larder: this.longest, statistic: "max", ...longest },
    ];
  }
}

function pull(server: LarderServer, url: string, { sha256 }: DataFile): Promise<unknown> {
  return server.pull({ model: MODEL, revision: "1", files: [{ path: "model.bin", urls: [url], sha256 }] });
}

interface Recording {
  readonly work: () => Promise<unknown>;
  readonly inside: Pauses;
  readonly beside: Pauses;
}

/** The server's metric starts anew at each scrape. */
async function recordInside(
  server: LarderServer,
  idleLoop: IdleLoop,
  { work, inside, beside }: Recording,
): Promise<void> {
  await Promise.all([server.text("/metrics"), idleLoop.take()]);
  await work();
  const [metrics, idle] = await Promise.all([server.text("/metrics"), idleLoop.take()]);
  inside.p99.push(pauseMs(metrics, "0.99"));
  inside.longest.push(pauseMs(metrics, "1"));
  beside.add(idle);
}

function pauseMs(metrics: string, part: string): number {
  const line = new RegExp(`^larder_event_loop_pause_seconds\\{quantile="${part}"\\} (\\S+)$`, "m").exec(
    metrics,
  );
  if (line === null) throw new Error("The server's metrics do not tell of its event loop");
  return Number(line[1]) * 1000;
}
