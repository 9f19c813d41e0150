import { expect, test } from "bun:test";
import type { UseReport } from "../../../src/registry/index.ts";
import { usedVariant, UseRecorder } from "../../../src/library/use/index.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const A = { model: "a", version: "1", variant: "default" };
const A2 = { ...A, version: "2" };
const B = { model: "b", version: "1", variant: "q4" };
const HOUR_MS = 3600 * 1000;

/** A recorder whose registry keeps what it is told, or refuses it. */
function recording(startMs = 0) {
  const clock = new FakeClock(startMs);
  const reports: UseReport[] = [];
  const registry = {
    refuses: false,
    recordUses(report: UseReport): Promise<void> {
      if (this.refuses) return Promise.reject(new Error("the disk is full"));
      reports.push(report);
      return Promise.resolve();
    },
  };
  return { clock, reports, registry, recorder: new UseRecorder({ registry, clock }) };
}

test("uses are written once a second, however many there were", async () => {
  const { clock, reports, recorder } = recording();
  for (let use = 0; use < 1000; use++) recorder.noteUse(A);
  recorder.noteLoad(A, 12);
  await clock.advance(999);
  expect(reports).toEqual([]);
  await clock.advance(1);
  expect(reports.map(({ variants }) => variants)).toEqual([[{
    ...A,
    count: 1000,
    usedAtS: 0,
    loadsMs: [12],
  }]]);
  recorder.noteUse(A);
  await clock.advance(1000);
  expect(reports[1]?.variants).toEqual([{ ...A, count: 1, usedAtS: 1, loadsMs: [] }]);
  await clock.advance(10_000);
  expect(reports).toHaveLength(2);
  expect(clock.sleeping).toBe(0);
});

test("a load that nobody asked for is kept without a use", async () => {
  const { clock, reports, recorder } = recording(5000);
  recorder.noteLoad(B, 80);
  await clock.advance(1000);
  expect(reports).toEqual([
    { variants: [{ ...B, count: 0, usedAtS: 0, loadsMs: [80] }], hours: [], follows: [] },
  ]);
});

test("what cannot be written is kept and tried again with growing pauses, and closing writes the rest", async () => {
  const { clock, reports, registry, recorder } = recording();
  registry.refuses = true;
  recorder.noteUse(A);
  await clock.advance(1000);
  recorder.noteUse(B);
  await clock.advance(2000);
  registry.refuses = false;
  await clock.advance(3999);
  expect(reports).toEqual([]);
  await clock.advance(1);
  expect(reports.map(({ variants }) => variants.map(({ model }) => model))).toEqual([["a"]]);
  const closing = recorder.close();
  await clock.advance(0);
  await closing;
  expect(reports.map(({ variants }) => variants.map(({ model }) => model))).toEqual([["a"], ["b"]]);
  expect(clock.sleeping).toBe(0);
});

test("closing does not fail when the registry refuses, and nothing is scheduled after it", async () => {
  const { clock, registry, recorder } = recording();
  registry.refuses = true;
  recorder.noteUse(A);
  await recorder.close();
  recorder.noteUse(A);
  expect(clock.sleeping).toBe(0);
});

test("hours are those of the local week from Monday on, of models in memory only", async () => {
  // Sunday, 4 January 2026, 23:59:59, and the Monday that follows.
  const { clock, reports, recorder } = recording(new Date(2026, 0, 4, 23, 59, 59).getTime());
  recorder.noteUse(A);
  recorder.noteFiles([usedVariant(B)]);
  await clock.advance(1000);
  recorder.noteUse(A2);
  await clock.advance(HOUR_MS);
  recorder.noteUse(A);
  await clock.advance(1000);
  expect(reports.flatMap(({ hours }) => hours)).toEqual([
    { model: "a", variant: "default", hour: 167, count: 1 },
    { model: "a", variant: "default", hour: 0, count: 1 },
    { model: "a", variant: "default", hour: 1, count: 1 },
  ]);
});

test("only the next other model follows, within an hour, whatever the versions", async () => {
  const { clock, reports, recorder } = recording();
  for (const key of [A, A2, B, B, A]) recorder.noteUse(key);
  await clock.advance(HOUR_MS + 1);
  recorder.noteUse(B);
  await clock.advance(1000);
  recorder.noteUse(A);
  await clock.advance(1000);
  const ab = { model: "a", variant: "default", nextModel: "b", nextVariant: "q4" };
  const ba = { model: "b", variant: "q4", nextModel: "a", nextVariant: "default" };
  expect(reports.map(({ follows }) => follows)).toEqual([
    [{ ...ab, count: 1 }, { ...ba, count: 1 }],
    [],
    [{ ...ba, count: 1 }],
  ]);
});

test("what follows is measured from the last use of the model before, not from its first", async () => {
  const { clock, reports, recorder } = recording();
  recorder.noteUse(A);
  await clock.advance(HOUR_MS - 1000);
  recorder.noteUse(A);
  await clock.advance(HOUR_MS - 1000);
  recorder.noteUse(B);
  await clock.advance(1000);
  expect(reports.flatMap(({ follows }) => follows)).toEqual([
    { model: "a", variant: "default", nextModel: "b", nextVariant: "q4", count: 1 },
  ]);
});

test("what is kept between two writes is bounded, and what is known goes on being counted", async () => {
  const { clock, reports, recorder } = recording();
  for (let index = 0; index < 10_500; index++) recorder.noteUse({ ...A, model: `m${index}` });
  for (let load = 0; load < 100; load++) recorder.noteLoad({ ...A, model: "m0" }, load);
  recorder.noteUse({ ...A, model: "m0" });
  await clock.advance(1000);
  expect(reports[0]?.variants).toHaveLength(10_000);
  expect(reports[0]?.follows).toHaveLength(10_000);
  expect(reports[0]?.variants[0]).toMatchObject({ model: "m0", count: 2 });
  expect(reports[0]?.variants[0]?.loadsMs).toHaveLength(64);
});
