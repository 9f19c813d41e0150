import { describe, expect, test } from "bun:test";
import { LarderError } from "../../../src/core/index.ts";
import { eventStream } from "../../../src/http/openai/event-stream.ts";
import { startGeneration } from "../../../src/http/openai/generation.ts";
import { errorOf, eventsOf, running } from "./setup.ts";
import { BY, StandInModels } from "./stand-in-models.ts";

const CHAT = "/v1/chat/completions";
const BODY = { model: "acme/tiny", messages: [{ role: "user", content: "Hi" }], stream: true };

describe("a stream", () => {
  test("sends what there is before the rest is there", async () => {
    await using s = await running();
    const gate = Promise.withResolvers<void>();
    s.models.generate = async (_target, _run, { onText, onServed } = {}) => {
      onServed?.(BY);
      onText?.("Hel");
      await gate.promise;
      onText?.("lo");
      return s.models.answer();
    };
    const response = await s.ask(CHAT, BODY);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes('"Hel"')) text += (await reader?.read())?.value;
    expect(text).not.toContain('"lo"');
    gate.resolve();
    while (!text.includes("[DONE]")) text += (await reader?.read())?.value;
    expect(text).toContain('"lo"');
  });

  test("of a model that says nothing is whole all the same", async () => {
    await using s = await running();
    s.models.pieces = [];
    s.models.generate = async () => s.models.answer();
    const response = await s.ask(CHAT, BODY);
    expect(response.headers.get("x-larder-version")).toBe("v1");
    const events = await eventsOf(response);
    expect([events.length, events.at(-1)]).toEqual([3, "[DONE]"]);
  });

  test("that fails before a model has it is an answer with its status", async () => {
    await using s = await running();
    const error = new LarderError("MODEL_LOADING", "Cannot use acme/tiny yet: it is being loaded", {
      retryable: true,
      retryAfterS: 2.5,
      details: { progress: 0.4 },
    });
    s.models.failures.set("generate", error);
    const response = await s.ask(CHAT, BODY);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "3"]);
    expect(await errorOf(response)).toEqual({
      message: "Cannot use acme/tiny yet: it is being loaded",
      type: "server_error",
      param: null,
      code: "model_loading",
      details: { progress: 0.4 },
    });
  });

  test("that the model itself refuses is an answer with its status", async () => {
    await using s = await running();
    s.models.generate = async (_target, _run, { onServed } = {}) => {
      onServed?.(BY);
      await new Promise((resolve) => setImmediate(resolve));
      throw new LarderError("BAD_INPUT", "Cannot read the prompt: too long", { field: "prompt" });
    };
    const response = await s.ask(CHAT, BODY);
    expect([response.status, (await errorOf(response)).param]).toEqual([400, "prompt"]);
  });

  test.each([
    [
      new LarderError("MODEL_CRASHED", "Cannot go on: its thread ended"),
      "model_crashed",
      "Cannot go on: its thread ended",
    ],
    [new Error("secret"), "internal_error", "Cannot answer: something inside went wrong"],
  ])("that fails midway ends with the error and is not done", async (failure, code, message) => {
    await using s = await running();
    s.models.generate = async (_target, _run, { onText, onServed } = {}) => {
      onServed?.(BY);
      onText?.("Hel");
      throw failure;
    };
    const response = await s.ask(CHAT, BODY);
    expect(response.status).toBe(200);
    const events = await eventsOf(response);
    expect(JSON.parse(events.at(-2) ?? "").choices[0].delta).toEqual({ content: "Hel" });
    expect(JSON.parse(events.at(-1) ?? "")).toEqual({
      error: { message, type: "server_error", param: null, code },
    });
  });

  test("that fails at a later prompt ends with the error and breaks nothing else", async () => {
    await using s = await running();
    const { generate } = s.models;
    s.models.generate = (...call) => {
      if (call[1].prompt === "a") return generate(...call);
      return Promise.reject(new LarderError("MODEL_SET_ASIDE", "Cannot use it any more"));
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    const events = await eventsOf(
      await s.ask("/v1/completions", { model: "m", prompt: ["a", "b"], stream: true }),
    );
    process.off("unhandledRejection", note);
    expect(JSON.parse(events.at(-1) ?? "").error.code).toBe("model_set_aside");
    expect(unhandled).toEqual([]);
  });

  test("under way when the server stops is finished", async () => {
    await using s = await running();
    const gate = Promise.withResolvers<void>();
    s.models.generate = async (_target, _run, { onServed, onText } = {}) => {
      onServed?.(BY);
      onText?.("Hel");
      await gate.promise;
      return s.models.answer();
    };
    const response = await s.ask(CHAT, BODY);
    const stopped = s.server.stop();
    gate.resolve();
    expect((await eventsOf(response)).at(-1)).toBe("[DONE]");
    await stopped;
  });
});

test("what a slow reader has not taken yet waits as one piece", async () => {
  const models = new StandInModels();
  models.pieces = Array.from({ length: 1000 }, (_, at) => `${at} `);
  const { signal } = new AbortController();
  const target = { model: "m" };
  const generation = startGeneration({ models, target, run: { prompt: "x", maxTokens: 1000 }, signal });
  expect(await generation.served).toEqual(BY);
  await generation.answer;
  const pieces = await Array.fromAsync(generation.pieces.read());
  expect(pieces).toEqual([models.pieces.join("")]);
});

test("a model that reads for long is not waited for", async () => {
  const models = new StandInModels();
  const gate = Promise.withResolvers<void>();
  models.generate = async (_target, _run, { onServed } = {}) => {
    onServed?.(BY);
    await gate.promise;
    return models.answer();
  };
  const { signal } = new AbortController();
  const run = { prompt: "x", maxTokens: 1 };
  const generation = startGeneration({ models, target: { model: "m" }, run, signal }, 1);
  expect(await generation.served).toEqual(BY);
  gate.resolve();
  expect((await generation.answer).text).toBe("Hello");
});

test("a stream with nothing to say for a while says that it is alive", async () => {
  const gate = Promise.withResolvers<void>();
  async function* events() {
    await gate.promise;
    yield "{}";
  }
  let left = false;
  const stream = eventStream({ events: events(), onLeft: () => left = true, heartbeatMs: 5 });
  const reader = stream.getReader();
  const next = async () => {
    const { done, value } = await reader.read();
    return done ? "the end" : new TextDecoder().decode(value);
  };
  expect([await next(), await next()]).toEqual([":\n\n", ":\n\n"]);
  gate.resolve();
  let text = await next();
  while (text === ":\n\n") text = await next();
  expect([text, await next(), left]).toEqual(["data: {}\n\n", "the end", false]);
});

test("a stream that nobody wants any more says so", async () => {
  const left = Promise.withResolvers<void>();
  async function* events() {
    yield "{}";
    await left.promise;
  }
  const reader = eventStream({ events: events(), onLeft: left.resolve }).getReader();
  await reader.read();
  await reader.cancel();
  await left.promise;
});
