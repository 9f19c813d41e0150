import { larderHubPull, requestsText, startLarder } from "./hub-sides.ts";
import { smallRepository } from "./hub-small.ts";
import { HubProcess, requestsIn } from "./shared/hub-process.ts";
import { interleave } from "./shared/rounds.ts";
import type { Bench, BenchContext, Row } from "./shared/types.ts";

/** Nothing but what the branch is by now. */
const REQUESTS = 1;
const MS_MAX = 20;
/** One takes milliseconds: a few more than of whole pulls. */
const ROUNDS_MIN = 9;

/** Of many files, each of which has to be known to be here. */
export const hubAgain: Bench = {
  name: "hub-again",
  title: "Second pull of 400 files from a hub, nothing changed",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const repository = smallRepository(context, 0);
  await using hub = await HubProcess.start(context, [repository]);
  await using server = await startLarder(context, hub.url);
  await larderHubPull(server, repository);
  const [own, requests]: [number[], number[]] = [[], []];
  const { larder } = await interleave({ ...context, pairs: Math.max(ROUNDS_MIN, context.pairs) }, {
    larder: async () => {
      let seconds = Number.NaN;
      const counts = await hub.countDuring(async () => {
        seconds = await larderHubPull(server, repository, own);
      });
      requests.push(requestsIn(counts));
      return seconds * 1000;
    },
  });
  const aim = { atMost: MS_MAX };
  return [
    { what: `through HTTP, ${requestsText(requests, REQUESTS)}`, unit: "ms", larder, aim },
    {
      what: "by the server's own account",
      unit: "ms",
      larder: own.map((seconds) => seconds * 1000),
      aim,
    },
  ];
}
