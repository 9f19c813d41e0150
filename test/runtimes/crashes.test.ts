import { expect, test } from "bun:test";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadKey } from "../../src/runtimes/load-key.ts";
import { openFileLedger } from "../../src/runtimes/ledger/file-ledger.ts";
import type { Clock } from "../../src/core/index.ts";
import { linearOnnx } from "../helpers/onnx-files.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";
import { bench, failureOf } from "./setup.ts";

const TIMEOUT_MS = 30_000;
const DAY_S = 86_400;

/** Its header is sound, but llama.cpp's assertion fails on it, which ends the process. */
const KILLER = { "m.gguf": tinyLlama({ headCount: 0 }) };
const X = { dtype: "float32", shape: [1, 4] } as const;

test("a file that kills what loads it kills the probe and nothing else", async () => {
  await using it = await bench();
  const other = await it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }));
  let answered = 0;
  const answering = Promise.all(Array.from({ length: 200 }, async () => {
    const inputs = { x: { ...X, data: Float32Array.of(1, 2, 3, 4) } };
    await other.run({ kind: "tensors", inputs });
    answered++;
  }));
  expect(await failureOf(it.runtimes.load(await it.request(KILLER)))).toMatchObject({
    code: "MODEL_CRASHED",
    details: { signal: "SIGABRT", reason: expect.stringContaining("GGML_ASSERT") },
  });
  await answering;
  expect(answered).toBe(200);
}, TIMEOUT_MS);

test(
  "P20: what crashed its probe is not started again, not even after a restart, and why is said",
  async () => {
    await using it = await bench();
    const request = await it.request(KILLER);
    await failureOf(it.runtimes.load(request));
    await it.runtimes.close();
    const started = join(it.path, "started");
    const after = it.reopen({ command: ["sh", "-c", `touch '${started}'`] });
    for (const isolation of ["thread", "process"] as const) {
      expect(await failureOf(after.load({ ...request, label: "acme/other@2:default", isolation })))
        .toMatchObject({
          code: "MODEL_CRASHED",
          message: expect.stringMatching(/acme\/other@2:default.*SIGABRT.*GGML_ASSERT/),
          details: { set_aside: true },
        });
    }
    expect(await Bun.file(started).exists()).toBe(false);
  },
  TIMEOUT_MS,
);

test("forget() lets a file be tried again", async () => {
  await using it = await bench();
  const request = await it.request(KILLER);
  for (const _ of [1, 2]) {
    expect(await failureOf(it.runtimes.load(request))).toMatchObject({ details: { signal: "SIGABRT" } });
    expect(await failureOf(it.runtimes.load(request))).toMatchObject({ details: { set_aside: true } });
    it.runtimes.forget(request.files);
  }
}, TIMEOUT_MS);

test("a file is probed once: the second load starts no process", async () => {
  await using it = await bench();
  const request = await it.request({ "model.onnx": linearOnnx() });
  await (await it.runtimes.load(request)).dispose();
  await it.runtimes.close();
  const after = it.reopen({ command: ["/nowhere"] });
  expect((await after.load(request)).metadata.runtime).toBe("onnx");
}, TIMEOUT_MS);

/** Time that a test moves. */
function clockAt(startS: number): Clock & { nowMs: number } {
  const clock = {
    nowMs: startS * 1000,
    nowS: () => clock.nowMs / 1000,
    monotonicMs: () => clock.nowMs,
    sleep: () => Promise.resolve(),
  };
  return clock;
}

test(
  "P14: a load that is killed for lack of memory is tried three times, then set aside for a day",
  async () => {
    const clock = clockAt(1_800_000_000);
    await using it = await bench({ clock, command: ["sh", "-c", "kill -KILL $$"] });
    const request = await it.request({ "m.gguf": tinyLlama() }, { isolation: "process" });
    for (let i = 0; i < 3; i++) {
      const failure = await failureOf(it.runtimes.load(request));
      expect(failure).toMatchObject({
        code: "MODEL_CRASHED",
        details: { signal: "SIGKILL" },
        retryable: true,
      });
      clock.nowMs += 1000;
    }
    const setAside = { code: "MODEL_CRASHED", retryable: false, details: { set_aside: true, crashes: 3 } };
    expect(await failureOf(it.runtimes.load(request))).toMatchObject(setAside);
    await it.runtimes.close();
    const after = it.reopen();
    expect(await failureOf(after.load(request))).toMatchObject(setAside);
    clock.nowMs += DAY_S * 1000;
    const again = it.reopen({ command: ["sh", "-c", "kill -KILL $$"] });
    expect(await failureOf(again.load(request))).toMatchObject({ details: { signal: "SIGKILL" } });
  },
  TIMEOUT_MS,
);

test("P14: a load that takes the whole process with it counts as a crash at the next start", async () => {
  await using it = await bench();
  const request = await it.request({ "model.onnx": linearOnnx() });
  await it.runtimes.close();
  const folder = join(it.home, "runtimes");
  const clock = clockAt(1_800_000_000);
  for (let i = 0; i < 3; i++) {
    // What a process leaves that is killed between the two: its note.
    openFileLedger({ folder, build: "source", nowS: () => clock.nowS() }).begin(
      loadKey(request.files),
      request.label,
    );
  }
  const after = it.reopen({ clock, crashLimit: 3 });
  expect(await failureOf(after.load(request))).toMatchObject({
    code: "MODEL_CRASHED",
    details: { set_aside: true, crashes: 3, reason: expect.stringContaining("the whole process ended") },
  });
  expect(await readdir(join(folder, "loading"))).toEqual([]);
}, TIMEOUT_MS);

test(
  "a process that is killed while its model is in use is named, counted, and the model loads again",
  async () => {
    await using it = await bench();
    const request = await it.request({ "m.gguf": tinyLlama() }, { isolation: "process" });
    const model = await it.runtimes.load(request);
    const running = failureOf(model.generate({ kind: "generate", prompt: "a", maxTokens: 500 }));
    for (const pid of await childrenOf(process.pid)) process.kill(pid, "SIGKILL");
    const crashed = { code: "MODEL_CRASHED", details: { reason: "process was ended by SIGKILL" } };
    expect(await running).toMatchObject(crashed);
    expect(await failureOf(model.lost)).toMatchObject(crashed);
    const again = await it.runtimes.load(request);
    expect(await again.generate({ kind: "generate", prompt: "a", maxTokens: 1 })).toMatchObject({
      completionTokens: 1,
    });
  },
  TIMEOUT_MS,
);

/** Processes of models that this one has started. */
async function childrenOf(parent: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Bun.file(`/proc/${name}/stat`).text().catch(() => "");
    const line = await Bun.file(`/proc/${name}/cmdline`).text().catch(() => "");
    const isOurs = stat.slice(stat.lastIndexOf(")")).split(" ")[2] === String(parent);
    if (isOurs && line.includes("--model-process")) found.push(Number(name));
  }
  return found;
}

test("the ledger forgets what another build found out, and takes what is unreadable for nothing", async () => {
  await using folder = await tempFolder();
  const open = (build: string) => openFileLedger({ folder: folder.path, build, nowS: () => 1 });
  open("one").noteCrash("k", "acme/tiny@1", "process was ended by SIGABRT", true);
  expect(open("one").find("k")).toMatchObject({ verdict: "crashing", label: "acme/tiny@1" });
  expect(open("two").find("k")).toBeUndefined();
  await Bun.write(join(folder.path, "loads.json"), `{"build":"one","loads":{"k":{"verdict":"sound"`);
  expect(open("one").find("k")).toBeUndefined();
  open("one").noteSound("k", "acme/tiny@1");
  expect(open("one").find("k")).toEqual({ label: "acme/tiny@1", verdict: "sound", crashes: [] });
});

test("the ledger keeps a crash of a file that was loaded before, and its verdict with it", async () => {
  await using folder = await tempFolder();
  const ledger = openFileLedger({ folder: folder.path, build: "one", nowS: () => 5 });
  ledger.noteSound("k", "a");
  ledger.noteCrash("k", "a", "thread ended with exit code 3", false);
  ledger.noteSound("k", "a");
  expect(ledger.find("k")).toEqual({
    ...{ label: "a", verdict: "sound" },
    crashes: [{ atS: 5, reason: "thread ended with exit code 3" }],
  });
  ledger.forget("k");
  expect(ledger.find("k")).toBeUndefined();
});

test("the ledger hinders no load when it cannot write, and knows what it could not", async () => {
  await using folder = await tempFolder();
  const ledger = openFileLedger({ folder: folder.path, build: "one", nowS: () => 5 });
  await mkdir(join(folder.path, "loads.json.tmp"));
  await rm(join(folder.path, "loading"), { recursive: true });
  ledger.begin("k", "a")();
  ledger.noteCrash("k", "a", "process was ended by SIGABRT", true);
  expect(ledger.find("k")?.verdict).toBe("crashing");
});
