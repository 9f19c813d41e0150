import { expect, test } from "bun:test";
import { ForeignWrites } from "../../src/registry/foreign-writes.ts";
import { codeOf } from "./fixtures.ts";

/** A database as two connections see it, with the writer's answers in the test's hands. */
function watched() {
  const state = {
    version: 1,
    met: 0,
    noticed: 0,
    questions: [] as Array<() => void>,
    error: undefined as unknown,
  };
  const foreign = new ForeignWrites({
    dataVersion: () => state.version,
    askWriter: () => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      state.questions.push(() => state.error === undefined ? resolve(state.met) : reject(state.error));
      return promise;
    },
    onForeign: () => void state.noticed++,
  });
  return { state, foreign };
}

test("nobody is asked while nothing was written", () => {
  const { state, foreign } = watched();
  expect([foreign.look(), foreign.look(), state.questions.length]).toEqual([0, 0, 0]);
});

test("an answer that is older than the change is not taken for one", async () => {
  const { state, foreign } = watched();
  state.version = 2;
  const own = foreign.look();
  // The writer has answered that the first change was its own; then somebody else writes.
  state.questions[0]?.();
  state.version = 3;
  state.met = 1;
  const late = foreign.look();
  expect(await own).toBe(0);
  await Promise.resolve();
  state.questions[1]?.();
  expect(await late).toBe(1);
  expect([foreign.look(), state.noticed]).toEqual([1, 1]);
});

test("a writer that cannot be asked is asked again", async () => {
  const { state, foreign } = watched();
  [state.version, state.met, state.error] = [2, 1, new Error("gone")];
  const failed = codeOf(Promise.resolve(foreign.look()));
  state.questions[0]?.();
  expect(await failed).toBe("Error: gone");
  state.error = undefined;
  const again = foreign.look();
  state.questions[1]?.();
  expect(await again).toBe(1);
});

test("without a writer every write is somebody else's", () => {
  const state = { version: 1, noticed: 0 };
  const foreign = new ForeignWrites({
    dataVersion: () => state.version,
    onForeign: () => void state.noticed++,
  });
  state.version = 5;
  expect([foreign.look(), foreign.look(), state.noticed]).toEqual([1, 1, 1]);
});
