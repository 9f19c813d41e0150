import { describe, expect, test } from "bun:test";
import { errorOf, eventsOf, running } from "./setup.ts";

const HI = [{ role: "user", content: "Hi" }];
const CHAT = "/v1/chat/completions";

describe("POST /v1/chat/completions", () => {
  test("answers whole, in the form of the dialect", async () => {
    await using s = await running();
    const before = Math.floor(Date.now() / 1000);
    const response = await s.ask(CHAT, { model: "acme/tiny", messages: HI });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-larder-version")).toBe("v1");
    expect(response.headers.has("x-larder-fallback")).toBe(false);
    const { id, created, ...rest } = await response.json() as { id: string; created: number };
    expect(id).toBe(`chatcmpl-${response.headers.get("x-request-id")}`);
    expect(Number.isInteger(created) && created >= before && created <= Date.now() / 1000).toBe(true);
    expect(rest as unknown).toEqual({
      object: "chat.completion",
      model: "acme/tiny",
      system_fingerprint: "v1",
      choices: [{
        index: 0,
        message: { role: "assistant", content: "Hello", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      }],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
  });

  test("gives the model what was asked, and the dialect's temperature when none was", async () => {
    await using s = await running();
    await s.ask(CHAT, { model: "acme/tiny", messages: HI, max_tokens: 5 });
    await s.ask(CHAT, {
      model: "acme/tiny@v1:Q4_K_M",
      messages: [{ role: "system", content: "Be brief." }, ...HI],
      max_completion_tokens: 9,
      temperature: 0,
      top_p: 0.5,
      seed: -1,
      stop: ["a", "b", "c", "d"],
    });
    expect(s.models.calls).toEqual([
      ["generate", { model: "acme/tiny" }, { prompt: HI, maxTokens: 5, temperature: 1 }],
      ["generate", { model: "acme/tiny", version: "v1", variant: "Q4_K_M" }, {
        prompt: [{ role: "system", content: "Be brief." }, ...HI],
        maxTokens: 9,
        temperature: 0,
        topP: 0.5,
        seed: -1,
        stop: ["a", "b", "c", "d"],
      }],
    ]);
  });

  test("without a limit goes on until the model ends or its context is full", async () => {
    await using s = await running();
    await s.ask(CHAT, { model: "acme/tiny", messages: HI });
    const [[, , run]] = s.models.calls as [[string, unknown, { maxTokens: number }]];
    expect(run.maxTokens).toBeGreaterThan(1_000_000);
  });

  test("reads messages in all their forms", async () => {
    await using s = await running();
    const messages = [
      { role: "developer", content: [{ type: "text", text: "Be" }, { type: "text", text: "brief." }] },
      { role: "user", content: "" },
      // As this server and others give an answer.
      { role: "assistant", content: "Hm", refusal: null, audio: null, annotations: [], tool_calls: [] },
      { role: "user", content: [{ type: "text", text: "Go on" }], name: null },
    ];
    expect((await s.ask(CHAT, { model: "m", messages })).status).toBe(200);
    const [[, , { prompt }]] = s.models.calls as [[string, unknown, { prompt: unknown }]];
    expect(prompt).toEqual([
      { role: "system", content: "Be\nbrief." },
      { role: "user", content: "" },
      { role: "assistant", content: "Hm" },
      { role: "user", content: "Go on" },
    ]);
  });

  test("says that its limit was reached, and which version stood in for which", async () => {
    await using s = await running();
    s.models.finishReason = "length";
    const error = { code: "MODEL_BROKEN", message: "Cannot read\nit", retryable: false } as const;
    s.models.by = { ...s.models.by, version: "v0", fallback: { asked: "v1", error } };
    const response = await s.ask(CHAT, { model: "acme/tiny", messages: HI });
    expect(response.headers.get("x-larder-version")).toBe("v0");
    expect(response.headers.get("x-larder-fallback")).toBe("v1; code=MODEL_BROKEN");
    expect(await response.json()).toMatchObject({
      system_fingerprint: "v0",
      choices: [{ finish_reason: "length" }],
    });
  });

  test("a generation that others cancelled is no answer", async () => {
    await using s = await running();
    s.models.finishReason = "cancelled";
    const response = await s.ask(CHAT, { model: "acme/tiny", messages: HI });
    expect([response.status, (await errorOf(response)).code]).toEqual([409, "cancelled"]);
  });
});

describe("a field", () => {
  test.each<[string, unknown]>([
    ["user", "me"],
    ["metadata", { a: "b" }],
    ["safety_identifier", "x"],
    ["service_tier", "flex"],
    ["prompt_cache_key", "x"],
    ["prompt_cache_retention", "24h"],
    ["parallel_tool_calls", true],
    ["prediction", { type: "content", content: "Hello" }],
    ["n", 1],
    ["stop", []],
    ["stop", "x"],
    ["tools", []],
    ["tool_choice", "none"],
    ["response_format", { type: "text" }],
    ["modalities", ["text"]],
    ["frequency_penalty", 0],
    ["presence_penalty", 0],
    ["logit_bias", {}],
    ["logprobs", false],
    ["store", false],
    ["stream_options", null],
    ["tools", null],
    ["max_tokens", null],
    ["max_tokens", 5],
  ])("that leaves the answer as it is is taken: %s %j", async (field, value) => {
    await using s = await running();
    const body = { model: "m", messages: HI, max_completion_tokens: 5, [field]: value };
    expect((await s.ask(CHAT, body)).status).toBe(200);
  });

  const text = (content: unknown) => [{ role: "user", content }];
  test.each<[string, unknown, string]>([
    ["tools", [{ type: "function", function: { name: "f" } }], "tools"],
    ["tool_choice", "required", "tool_choice"],
    ["tool_choice", { type: "function", function: { name: "f" } }, "tool_choice"],
    ["functions", [{ name: "f" }], "functions"],
    ["response_format", { type: "json_object" }, "response_format.type"],
    ["modalities", ["text", "audio"], "modalities[1]"],
    ["audio", { voice: "alloy", format: "wav" }, "audio"],
    ["logprobs", true, "logprobs"],
    ["top_logprobs", 2, "top_logprobs"],
    ["logit_bias", { 50256: -100 }, "logit_bias.50256"],
    ["frequency_penalty", 0.5, "frequency_penalty"],
    ["presence_penalty", -1, "presence_penalty"],
    ["n", 2, "n"],
    ["reasoning_effort", "high", "reasoning_effort"],
    ["verbosity", "low", "verbosity"],
    ["web_search_options", {}, "web_search_options"],
    ["store", true, "store"],
    ["top_k", 40, "top_k"],
    ["stream_options", { include_usage: true }, "stream_options"],
    ["stream_options", { include_everything: true }, "stream_options.include_everything"],
    ["temperature", 2.1, "temperature"],
    ["temperature", "warm", "temperature"],
    ["top_p", -0.1, "top_p"],
    ["seed", 1.5, "seed"],
    ["max_tokens", 0, "max_tokens"],
    ["max_tokens", 6, "max_tokens"],
    ["max_completion_tokens", 1.5, "max_completion_tokens"],
    ["stop", ["a", "b", "c", "d", "e"], "stop"],
    ["stop", "", "stop"],
    ["stream", "yes", "stream"],
    ["model", 5, "model"],
    ["model", "no such name", "model"],
    ["model", "acme/tiny@", "version"],
    ["messages", [], "messages"],
    ["messages", "Hi", "messages"],
    ["messages", [{ role: "tool", content: "5", tool_call_id: "x" }], "messages[0].role"],
    ["messages", [{ role: "user", content: "Hi", name: "Ann" }], "messages[0].name"],
    ["messages", [{ role: "assistant", content: null }], "messages[0].content"],
    ["messages", [{ role: "assistant", content: "", tool_calls: [{}] }], "messages[0].tool_calls"],
    ["messages", text([{ type: "image_url", image_url: { url: "https://x" } }]), "messages[0].content"],
    ["messages", text([]), "messages[0].content"],
  ])("that cannot be done is refused by name: %s %j", async (field, value, param) => {
    await using s = await running();
    const body = { model: "m", messages: HI, max_completion_tokens: 5, [field]: value };
    const response = await s.ask(CHAT, body);
    const error = await errorOf(response);
    expect([response.status, error.type, error.param]).toEqual([400, "invalid_request_error", param]);
    expect(error.message).toContain(param);
    expect(s.models.calls).toEqual([]);
  });

  test.each(["{", "", "[]", "null", '"x"'])("is missing from the body %j", async (body) => {
    await using s = await running();
    const response = await s.ask(CHAT, {}, { body });
    expect([response.status, (await errorOf(response)).type]).toEqual([400, "invalid_request_error"]);
  });
});

describe("a stream of a chat", () => {
  test("is a role, the pieces, a reason and an end", async () => {
    await using s = await running();
    const response = await s.ask(CHAT, { model: "acme/tiny", messages: HI, stream: true });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect(response.headers.get("x-larder-version")).toBe("v1");
    const events = await eventsOf(response);
    expect(events.at(-1)).toBe("[DONE]");
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
    const id = `chatcmpl-${response.headers.get("x-request-id")}`;
    const created = chunks[0].created;
    const head = {
      id,
      object: "chat.completion.chunk",
      created,
      model: "acme/tiny",
      system_fingerprint: "v1",
    };
    const chunk = (delta: object, finish_reason: string | null = null) => {
      return { ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason }] };
    };
    expect(chunks).toEqual([
      chunk({ role: "assistant", content: "", refusal: null }),
      chunk({ content: "Hel" }),
      chunk({ content: "lo" }),
      chunk({}, "stop"),
    ]);
  });

  test("tells what was used when that was asked for", async () => {
    await using s = await running();
    const stream_options = { include_usage: true };
    const body = { model: "acme/tiny", messages: HI, stream: true, stream_options };
    const events = await eventsOf(await s.ask(CHAT, body));
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null, null, null]);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
  });
});
