import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LoadLedger, LoadRecord, RuntimeLimits } from "../../src/runtimes/index.ts";
import { openNativeModule } from "../../src/runtimes/native/open-module.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";
import { waitUntil } from "../helpers/wait.ts";
import { bench, failureOf } from "./setup.ts";

const TIMEOUT_MS = 20_000;
const HANG_MS = 400;

/** Remembers nothing but crashes, and holds every file for sound, so that nothing is probed. */
function sound(crashes: string[]): LoadLedger {
  const record: LoadRecord = { label: "", verdict: "sound", crashes: [] };
  return {
    find: () => record,
    begin: () => () => {},
    noteSound: () => {},
    noteCrash: (_key, _label, reason) => void crashes.push(reason),
    forget: () => {},
  };
}

/** A loaded model of `faulty.worker.ts`, which does as its prompts say. */
async function faulty(hangMs = HANG_MS, limits: Partial<RuntimeLimits> = {}) {
  const crashes: string[] = [];
  const threads: { worker: Worker; isClosed: boolean }[] = [];
  const startThread = () => {
    const worker = new Worker(new URL("./faulty.worker.ts", import.meta.url));
    const thread = { worker, isClosed: false };
    worker.addEventListener("close", () => {
      thread.isClosed = true;
    });
    threads.push(thread);
    return worker;
  };
  const it = await bench({ ledger: sound(crashes), hangMs, startThread, ...limits });
  const request = await it.request({ "m.gguf": tinyLlama() });
  const load = () => it.runtimes.load(request);
  const say = (prompt: string) => ({ kind: "generate", prompt, maxTokens: 1 }) as const;
  const disposed = () => existsSync(join(request.folder, "disposed"));
  const close = () => it.runtimes.close();
  return {
    crashes,
    threads,
    load,
    say,
    disposed,
    close,
    [Symbol.asyncDispose]: () => it[Symbol.asyncDispose](),
  };
}

const ENDS: readonly (readonly [prompt: string, reason: string, hangMs?: number])[] = [
  ["throw", "out of nowhere", 10_000],
  ["exit", "thread ended with exit code 3", 10_000],
  ["spin", `code has not answered for ${HANG_MS} ms`],
  ["hang", `code has not answered for ${HANG_MS} ms`],
];

for (const [prompt, what, hangMs] of ENDS) {
  test(`P23: a thread that would ${prompt} is named, and the model can be loaded again`, async () => {
    await using it = await faulty(hangMs);
    const model = await it.load();
    const calls = [model.generate(it.say(prompt)), model.generate(it.say("waits"))];
    for (const failure of [...await Promise.all(calls.map(failureOf)), await failureOf(model.lost)]) {
      expect(failure).toMatchObject({ code: "MODEL_CRASHED", retryable: true });
      expect(failure["message"]).toContain(what);
    }
    expect(await failureOf(model.generate(it.say("fine")))).toMatchObject({ code: "MODEL_CRASHED" });
    await model.dispose();
    expect(it.crashes).toEqual([expect.stringContaining(what)]);
    await waitUntil(() => it.threads[0]?.isClosed === true);
    const again = await it.load();
    expect(await again.generate(it.say("fine"))).toMatchObject({ text: "fine" });
  }, TIMEOUT_MS);
}

test(
  "P23: native code that hangs is left alone until it returns; then its model is disposed of and its thread ends",
  async () => {
    await using it = await faulty();
    const model = await it.load();
    expect(await failureOf(model.generate(it.say("sleep")))).toMatchObject({ code: "MODEL_CRASHED" });
    expect(it.threads[0]?.isClosed).toBe(false);
    expect(it.disposed()).toBe(false);
    const again = await it.load();
    expect(await again.generate(it.say("fine"))).toMatchObject({ text: "fine" });
    await waitUntil(() => it.threads[0]?.isClosed === true);
    expect(it.disposed()).toBe(true);
  },
  TIMEOUT_MS,
);

test("close() does not wait longer than it was told for a model that does not come to an end", async () => {
  await using it = await faulty(60_000, { closeMs: 100 });
  const model = await it.load();
  const running = failureOf(model.generate(it.say("sleep")));
  const hanging = failureOf(model.generate(it.say("hang")));
  await it.close();
  expect(await running).toMatchObject({ code: "MODEL_BUSY" });
  expect(await hanging).toMatchObject({ code: "MODEL_BUSY" });
  expect(it.crashes).toEqual([]);
  await waitUntil(() => it.threads[0]?.isClosed === true);
}, TIMEOUT_MS);

test("a library that is none is refused in the loader's own words", async () => {
  await using it = await bench();
  const path = join(it.path, "broken.node");
  await Bun.write(path, "not a library");
  let failure: unknown;
  try {
    openNativeModule(path);
  } catch (error) {
    failure = error;
  }
  expect(failure).toMatchObject({ code: "CONFIG", message: expect.stringContaining("broken.node") });
});
