import { expect, test } from "bun:test";
import type { GenerateRun } from "../../src/runtimes/index.ts";
import { tinyLlama, type TinyLlamaOptions } from "../helpers/tiny-llama.ts";
import { type Bench, bench, failureOf } from "./setup.ts";

const TIMEOUT_MS = 30_000;

async function loadLlama(it: Bench, options: TinyLlamaOptions = {}, settings: Record<string, unknown> = {}) {
  return await it.runtimes.load(
    await it.request({ "m.gguf": tinyLlama(options) }, { isolation: "process", options: settings }),
  );
}

function generate(prompt: GenerateRun["prompt"], others: Partial<GenerateRun> = {}): GenerateRun {
  return { kind: "generate", prompt, maxTokens: 20, ...others };
}

test("generate() ends before a stop text, wherever it falls between tokens", async () => {
  await using it = await bench();
  const model = await loadLlama(it);
  const whole = await model.generate(generate("hello", { temperature: 1, seed: 3, maxTokens: 60 }));
  const stop = whole.text.slice(10, 13);
  const pieces: string[] = [];
  const cut = await model.generate(
    generate("hello", { temperature: 1, seed: 3, maxTokens: 60, stop: ["never", stop] }),
    (text) => pieces.push(text),
  );
  expect(cut).toMatchObject({ text: whole.text.slice(0, whole.text.indexOf(stop)), finishReason: "stop" });
  expect(pieces.join("")).toBe(cut.text);
}, TIMEOUT_MS);

test("generate() gives other text for another seed and another temperature", async () => {
  await using it = await bench();
  const model = await loadLlama(it);
  const texts = await Promise.all(
    [{ seed: 1 }, { seed: 2 }, { seed: 1 }].map((other) =>
      model.generate(generate("a", { temperature: 1, ...other }))
    ),
  );
  expect(texts[0]).toEqual(texts[2]);
  expect(texts[0]?.text).not.toBe(texts[1]?.text);
}, TIMEOUT_MS);

test("a conversation becomes what the model's template makes of it", async () => {
  await using it = await bench();
  const model = await loadLlama(it);
  const talk = [{ role: "system", content: "be kind" }, { role: "user", content: "hello" }] as const;
  const asText = "[system] be kind\n[user] hello\n[assistant] ";
  const answer = await model.generate(generate(talk));
  expect(answer).toEqual(await model.generate(generate(asText)));
  expect(answer).not.toEqual(await model.generate(generate("hello")));
}, TIMEOUT_MS);

test("a message cannot name the token that ends a text", async () => {
  await using it = await bench();
  const model = await loadLlama(it);
  const named = await model.generate(generate([{ role: "user", content: "</s>" }]));
  const raw = await model.generate(generate("[user] </s>\n[assistant] "));
  // As one token in the raw prompt, as four characters in the message.
  expect(named.promptTokens - raw.promptTokens).toBeGreaterThanOrEqual(3);
}, TIMEOUT_MS);

test("a conversation is refused where there is no template, or where the template refuses it", async () => {
  await using it = await bench();
  const without = await loadLlama(it, { chatTemplate: null });
  expect(await failureOf(without.generate(generate([{ role: "user", content: "a" }]))))
    .toMatchObject({ code: "NOT_SUPPORTED", field: "messages" });
  const strict = await loadLlama(it, { chatTemplate: "{{ raise_exception('users only') }}" });
  expect(await failureOf(strict.generate(generate([{ role: "system", content: "a" }]))))
    .toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining("users only") });
}, TIMEOUT_MS);

test("a text that does not fit is refused, and one that fills the context is cut at its end", async () => {
  await using it = await bench();
  const model = await loadLlama(it, {}, { context_length: 64 });
  const tooLong = "a".repeat(200);
  expect(await failureOf(model.generate(generate(tooLong)))).toMatchObject({
    code: "BAD_INPUT",
    field: "prompt",
  });
  expect(await failureOf(model.embed({ kind: "embed", input: tooLong })))
    .toMatchObject({ code: "BAD_INPUT", field: "input" });
  const full = await model.generate(generate("a", { maxTokens: 1000 }));
  expect(full.finishReason).toBe("length");
  expect(full.promptTokens + full.completionTokens).toBeGreaterThanOrEqual(60);
  expect(full.promptTokens + full.completionTokens).toBeLessThanOrEqual(64);
}, TIMEOUT_MS);

test("an empty prompt begins with the token that begins texts", async () => {
  await using it = await bench();
  const model = await loadLlama(it);
  expect(await model.generate(generate("", { maxTokens: 3 }))).toMatchObject({
    promptTokens: 1,
    completionTokens: 3,
  });
  expect(await model.generate(generate("a", { maxTokens: 0 }))).toMatchObject({
    text: "",
    finishReason: "length",
  });
}, TIMEOUT_MS);

test(
  "texts are generated beside each other, as many as the model was loaded for, and are what they are alone",
  async () => {
    await using it = await bench();
    const model = await loadLlama(it, {}, { parallel: 3 });
    const prompts = ["a", "bb", "ccc", "dddd", "eeeee"];
    const alone: string[] = [];
    for (const prompt of prompts) alone.push((await model.generate(generate(prompt))).text);
    const together = await Promise.all(prompts.map((prompt) => model.generate(generate(prompt))));
    expect(together.map(({ text }) => text)).toEqual(alone);
  },
  TIMEOUT_MS,
);

test("a caller who left while others were served is told so", async () => {
  await using it = await bench();
  const model = await loadLlama(it);
  const leaving = new AbortController();
  const first = model.generate(generate("a", { maxTokens: 200 }));
  const waits = failureOf(model.generate(generate("b"), undefined, leaving.signal));
  leaving.abort();
  expect(await waits).toMatchObject({ code: "CANCELLED" });
  expect(await first).toMatchObject({ completionTokens: 200 });
}, TIMEOUT_MS);

test("memory is what the weights and the context take, and grows with the first embedding", async () => {
  await using it = await bench();
  const model = await it.runtimes.load(await it.request({ "m.gguf": tinyLlama({ width: 512, layers: 6 }) }));
  const before = model.memoryBytes;
  expect(before).toBeGreaterThan(model.metadata.weightBytes);
  expect(before).toBeLessThan(model.metadata.weightBytes + 64 * 2 ** 20);
  await model.embed({ kind: "embed", input: "a" });
  expect(model.memoryBytes).toBeGreaterThan(before);
}, TIMEOUT_MS);

test("only the processor is offered", async () => {
  await using it = await bench();
  expect(await failureOf(loadLlama(it, {}, { gpu_layers: 12 }))).toMatchObject({
    code: "NOT_SUPPORTED",
    field: "gpu_layers",
    hint: "Give 0, or leave gpu_layers out.",
  });
}, TIMEOUT_MS);
