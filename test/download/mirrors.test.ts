import { expect, test } from "bun:test";
import { LarderError } from "../../src/core/index.ts";
import { askMirrors } from "../../src/download/mirror-rounds.ts";
import { MirrorScores } from "../../src/download/mirror-scores.ts";
import { FakeClock } from "../helpers/fake-clock.ts";

const [A, B, C] = ["https://a.test/f", "https://b.test/f", "https://c.test/f"] as const;

test("an origin that sent wrong bytes comes last for ten minutes, with all its paths", async () => {
  const clock = new FakeClock();
  const scores = new MirrorScores(clock);
  scores.penalise(A);
  expect(scores.order([A, B, "https://a.test/other", C])).toEqual([B, C, A, "https://a.test/other"]);
  expect(scores.order(["https://a.test:444/f", B])).toEqual(["https://a.test:444/f", B]);
  await clock.advance(10 * 60 * 1000 - 1);
  expect(scores.order([A, B])).toEqual([B, A]);
  await clock.advance(1);
  expect(scores.order([A, B])).toEqual([A, B]);
});

test("all penalised keep their order", () => {
  const scores = new MirrorScores(new FakeClock());
  for (const address of [C, A, B]) scores.penalise(address);
  expect(scores.order([A, B, C])).toEqual([A, B, C]);
});

const slow = () => new LarderError("UPSTREAM_TIMEOUT", "Cannot wait", { retryable: true });
const gone = () => new LarderError("UPSTREAM_NOT_FOUND", "Cannot find");
const busy = () => new LarderError("UPSTREAM_STATUS", "Cannot now", { retryable: true });

/** Asks with 6 tries; each mirror always fails in its way. Gives the visits with the tries of each, and what was thrown. */
async function ask(answers: Record<string, () => unknown>, mayLeave = true) {
  const visits: Array<[string, number]> = [];
  let failure: unknown;
  await askMirrors(Object.keys(answers), async (address, _index, triesFor) => {
    const error = answers[address]?.();
    visits.push([address, triesFor(error)]);
    if (error !== undefined) throw error;
  }, { tries: 6, signal: new AbortController().signal, mayLeave: () => mayLeave }).catch((error: unknown) => {
    failure = error;
  });
  return { visits, failure };
}

test("the first mirror that has it ends the search", async () => {
  const { visits, failure } = await ask({ [A]: gone, [B]: () => undefined, [C]: gone });
  expect([visits, failure]).toEqual([[[A, 6], [B, 6]], undefined]);
});

test("N04: a mirror that lets us wait is left after one try, and comes back when the others have failed", async () => {
  const { visits, failure } = await ask({ [A]: slow, [B]: gone, [C]: busy });
  expect(visits).toEqual([[A, 1], [B, 6], [C, 6], [A, 5]]);
  expect(failure).toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
  expect((failure as LarderError).details?.["mirrors"]).toEqual([
    { origin: "https://a.test", code: "UPSTREAM_TIMEOUT" },
    { origin: "https://b.test", code: "UPSTREAM_NOT_FOUND" },
    { origin: "https://c.test", code: "UPSTREAM_STATUS" },
  ]);
});

test("a single mirror, and one that has given bytes that no other may join, has all its tries at once", async () => {
  expect((await ask({ [A]: slow })).visits).toEqual([[A, 6]]);
  expect((await ask({ [A]: slow, [B]: gone }, false)).visits[0]).toEqual([A, 6]);
});

test("a full disk is no mirror's fault: nobody else is asked", async () => {
  const { visits, failure } = await ask({
    [A]: () => new LarderError("NO_SPACE", "Cannot write"),
    [B]: gone,
  });
  expect(visits).toEqual([[A, 6]]);
  expect(failure).toMatchObject({ code: "NO_SPACE" });
});

test("no mirror at all is said so", async () => {
  expect((await ask({})).failure).toMatchObject({ code: "SOURCE_REQUIRED" });
});
