import { describe, expect, test } from "bun:test";
import { errorOf, eventsOf, running } from "./setup.ts";

const COMPLETIONS = "/v1/completions";

describe("POST /v1/completions", () => {
  test("answers whole, and by default as short as the dialect says", async () => {
    await using s = await running();
    const response = await s.ask(COMPLETIONS, { model: "acme/tiny", prompt: "Once", stop: "." });
    const { id, created: _, ...rest } = await response.json() as { id: string; created: number };
    expect(id).toBe(`cmpl-${response.headers.get("x-request-id")}`);
    expect(rest as unknown).toEqual({
      object: "text_completion",
      model: "acme/tiny",
      system_fingerprint: "v1",
      choices: [{ index: 0, text: "Hello", logprobs: null, finish_reason: "stop" }],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
    expect(s.models.calls).toEqual([
      ["generate", { model: "acme/tiny" }, { prompt: "Once", maxTokens: 16, temperature: 1, stop: ["."] }],
    ]);
  });

  test("answers each of several prompts, all from the version that answered the first", async () => {
    await using s = await running();
    const { generate } = s.models;
    s.models.generate = async (...call) => ({ ...await generate(...call), text: `${call[1].prompt}!` });
    const response = await s.ask(COMPLETIONS, {
      model: "acme/tiny@stable",
      prompt: ["a", "b"],
      max_tokens: 3,
      temperature: 0,
    });
    expect(await response.json()).toMatchObject({
      choices: [{ index: 0, text: "a!" }, { index: 1, text: "b!" }],
      usage: { prompt_tokens: 14, completion_tokens: 4, total_tokens: 18 },
    });
    expect(s.models.calls).toEqual([
      ["generate", { model: "acme/tiny", version: "stable" }, { prompt: "a", maxTokens: 3, temperature: 0 }],
      ["generate", { model: "acme/tiny", version: "v1", variant: "Q4_K_M" }, {
        prompt: "b",
        maxTokens: 3,
        temperature: 0,
      }],
    ]);
  });

  test("streams several prompts, one after the other", async () => {
    await using s = await running();
    s.models.pieces = ["x"];
    const stream_options = { include_usage: true };
    const body = { model: "acme/tiny", prompt: ["a", "b"], stream: true, stream_options };
    const events = await eventsOf(await s.ask(COMPLETIONS, body));
    expect(events.at(-1)).toBe("[DONE]");
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
    expect(new Set(chunks.map(({ object }) => object))).toEqual(new Set(["text_completion"]));
    expect(chunks.flatMap(({ choices }) => choices)).toEqual([
      { index: 0, text: "x", logprobs: null, finish_reason: null },
      { index: 0, text: "", logprobs: null, finish_reason: "stop" },
      { index: 1, text: "x", logprobs: null, finish_reason: null },
      { index: 1, text: "", logprobs: null, finish_reason: "stop" },
    ]);
    expect(chunks.at(-1).usage).toEqual({ prompt_tokens: 14, completion_tokens: 2, total_tokens: 16 });
    expect(s.models.calls.map(([, target]) => target)).toEqual([
      { model: "acme/tiny" },
      { model: "acme/tiny", version: "v1", variant: "Q4_K_M" },
    ]);
  });

  test.each<[string, unknown]>([
    ["echo", false],
    ["best_of", 1],
    ["suffix", null],
    ["logprobs", null],
    ["user", "me"],
    ["prompt", ""],
  ])("takes %s %j", async (field, value) => {
    await using s = await running();
    expect((await s.ask(COMPLETIONS, { model: "m", prompt: "x", [field]: value })).status).toBe(200);
  });

  test.each<[string, unknown]>([
    ["echo", true],
    ["best_of", 2],
    ["n", 2],
    ["suffix", "the end"],
    ["logprobs", 0],
    ["logprobs", 5],
    ["prompt", undefined],
    ["prompt", []],
    ["prompt", [1, 2, 3]],
    ["prompt", [[1, 2], [3]]],
    ["prompt", Array(33).fill("x")],
    ["max_completion_tokens", 5],
    ["messages", []],
  ])("refuses %s %j by name", async (field, value) => {
    await using s = await running();
    const response = await s.ask(COMPLETIONS, { model: "m", prompt: "x", [field]: value });
    expect([response.status, (await errorOf(response)).param]).toEqual([400, field]);
    expect(s.models.calls).toEqual([]);
  });
});
