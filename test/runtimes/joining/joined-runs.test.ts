import { expect, test } from "bun:test";
import { LarderError } from "../../../src/core/index.ts";
import { JoinedRuns } from "../../../src/runtimes/joining/joined-runs.ts";
import type { Tensor, TensorResult, TensorRun } from "../../../src/runtimes/index.ts";

type Model = (values: readonly number[]) => readonly number[];

/** A model of one input and one output, both float32 [batch], and how many rows it was given each time. */
function joinedRuns(model: Model): { readonly runs: JoinedRuns; readonly given: number[] } {
  const given: number[] = [];
  const runs = new JoinedRuns(({ inputs }): TensorResult => {
    const values = [...inputs["x"]?.data ?? []].map(Number);
    given.push(values.length);
    return { outputs: { y: column(model(values)) } };
  });
  return { runs, given };
}

function column(values: readonly number[]): Tensor {
  return { dtype: "float32", shape: [values.length], data: Float32Array.from(values) };
}

function requests(...values: readonly number[]): TensorRun[] {
  return values.map((value) => ({ kind: "tensors", inputs: { x: column([value]) } }));
}

const ignore = () => {};
const doubled: Model = (values) => values.map((value) => 2 * value);
const answers = (...values: readonly number[]) =>
  values.map((value) => ({ result: { outputs: { y: column([value]) } } }));

test("requests are answered from single runs until joined ones gave the same", () => {
  const { runs, given } = joinedRuns(doubled);
  expect(runs.answer(requests(1, 2, 3), ignore)).toEqual({ outcomes: answers(2, 4, 6), isJoined: false });
  expect(given).toEqual([3, 1, 1, 1]);
  expect(runs.answer(requests(4, 5), ignore)).toEqual({ outcomes: answers(8, 10), isJoined: true });
  expect(given).toEqual([3, 1, 1, 1, 2]);
});

test("requests that are all the same prove nothing: what takes the mean away looks right on them", () => {
  const centred: Model = (values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const { runs } = joinedRuns(centred);
  for (let i = 0; i < 3; i++) expect(runs.answer(requests(5, 5), ignore)).toMatchObject({ isJoined: false });
  expect(runs.answer(requests(1, 3), ignore)).toEqual({
    outcomes: answers(0, 0),
    isJoined: false,
    refusal: "an answer changes with what else is in its run",
  });
});

test("other outputs are proven anew", () => {
  const { runs } = joinedRuns(doubled);
  const wanted = requests(1, 2).map((run) => ({ ...run, outputs: ["y"] }));
  runs.answer(requests(1, 2), ignore);
  expect(runs.answer(wanted, ignore)).toMatchObject({ isJoined: false });
  expect(runs.answer(wanted, ignore)).toMatchObject({ isJoined: true });
});

test("nothing is joined any more when an output has other rows than the inputs", () => {
  const { runs, given } = joinedRuns((values) => values.slice(0, 1));
  const refusal = "an output does not have one row for each row of the inputs";
  for (let i = 0; i < 2; i++) {
    expect(runs.answer(requests(1, 2), ignore)).toEqual({
      outcomes: answers(1, 2),
      isJoined: false,
      refusal,
    });
  }
  expect(given).toEqual([2, 1, 1, 1, 1]);
});

test("a request at fault gets its own error, the others their answers, and joining goes on", () => {
  const { runs } = joinedRuns((values) => {
    if (values.includes(13)) throw new LarderError("BAD_INPUT", "Cannot run: unlucky");
    return doubled(values);
  });
  runs.answer(requests(1, 2), ignore);
  const { outcomes, isJoined, refusal } = runs.answer(requests(1, 13), ignore);
  expect(outcomes).toEqual([...answers(2), { error: expect.objectContaining({ code: "BAD_INPUT" }) }]);
  expect([isJoined, refusal]).toEqual([false, undefined]);
  expect(runs.answer(requests(3, 4), ignore)).toMatchObject({ isJoined: true });
});

test("a model that takes one row only is left alone; too little memory for many rows is another matter", () => {
  const failing = (code: "BAD_INPUT" | "NO_MEMORY") =>
    joinedRuns((values) => {
      if (values.length > 1) throw new LarderError(code, "Cannot run so many");
      return doubled(values);
    }).runs.answer(requests(1, 2), ignore);
  expect(failing("BAD_INPUT")).toEqual({
    outcomes: answers(2, 4),
    isJoined: false,
    refusal: "what runs one by one fails together: Cannot run so many",
  });
  expect(failing("NO_MEMORY")).toEqual({ outcomes: answers(2, 4), isJoined: false });
});

test("a bug is no answer", () => {
  const { runs } = joinedRuns(() => {
    throw new TypeError("undefined is not a function");
  });
  expect(() => runs.answer(requests(1, 2), ignore)).toThrow(TypeError);
});

test("every step of single runs is told", () => {
  let steps = 0;
  joinedRuns(doubled).runs.answer(requests(1, 2, 3), () => steps++);
  expect(steps).toBe(3);
});
