import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type ErrorCode, LarderError } from "../../../src/core/index.ts";
import { running } from "./setup.ts";
import { BY } from "./stand-in-models.ts";

const CHAT = { model: "acme/tiny", messages: [{ role: "user" as const, content: "Hi" }] };

/** What a client's call was rejected with. */
async function rejection(call: Promise<unknown>): Promise<unknown> {
  return await call.then(() => "no error", (error: unknown) => error);
}

describe("the openai package", () => {
  test("gets a chat whole", async () => {
    await using s = await running();
    const answer = await s.client().chat.completions.create(CHAT);
    expect(answer.choices[0]?.message.content).toBe("Hello");
    expect(answer.usage?.total_tokens).toBe(9);
    expect(answer._request_id).toBeTruthy();
  });

  test("streams a chat, with its usage", async () => {
    await using s = await running();
    const stream_options = { include_usage: true };
    const stream = await s.client().chat.completions.create({ ...CHAT, stream: true, stream_options });
    let text = "";
    let total: number | undefined;
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? "";
      total = usage?.total_tokens;
    }
    expect([text, total]).toEqual(["Hello", 9]);
  });

  test("puts the pieces of a stream together by itself", async () => {
    await using s = await running();
    s.models.finishReason = "length";
    const answer = await s.client().chat.completions.stream(CHAT).finalChatCompletion();
    expect(answer.choices[0]).toMatchObject({ message: { content: "Hello" }, finish_reason: "length" });
  });

  test("can go on with a chat by sending the answer back as it came", async () => {
    await using s = await running();
    const client = s.client();
    const [choice] = (await client.chat.completions.create(CHAT)).choices;
    if (choice === undefined) throw new Error("no choice");
    const messages = [...CHAT.messages, choice.message, { role: "user" as const, content: "More" }];
    await client.chat.completions.create({ ...CHAT, messages });
    const [, [, , run]] = s.models.calls as [unknown, [string, unknown, { prompt: unknown }]];
    expect(run.prompt).toEqual([
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "More" },
    ]);
  });

  test("gets completions, whole and streamed", async () => {
    await using s = await running();
    const { completions } = s.client();
    const whole = await completions.create({ model: "acme/tiny", prompt: "x" });
    expect(whole.choices[0]?.text).toBe("Hello");
    const stream = await completions.create({ model: "acme/tiny", prompt: "x", stream: true });
    const pieces = await Array.fromAsync(stream);
    expect(pieces.map(({ choices }) => choices[0]?.text).join("")).toBe("Hello");
    expect(pieces.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  test("gets embeddings, which it asks for as base64 by itself", async () => {
    await using s = await running();
    const { embeddings } = s.client();
    const request = { model: "acme/tiny", input: ["a", "b"] };
    const { data } = await embeddings.create(request);
    expect(data.map(({ embedding }) => [...embedding])).toEqual([[0.5, -2], [0.5, -2]]);
    const asNumbers = await embeddings.create({ ...request, encoding_format: "float" });
    expect(asNumbers.data[1]?.embedding).toEqual([0.5, -2]);
  });

  test("lists models and finds one by a reference with a slash", async () => {
    await using s = await running();
    const versions = ["2", "1"].map((version) => {
      return {
        model: "acme/tiny",
        version,
        variants: [],
        state: "ready",
        reason: null,
        metrics: {},
      } as const;
    });
    s.models.views = versions;
    const client = s.client();
    const listed = await Array.fromAsync(client.models.list());
    expect(listed.map(({ id }) => id)).toEqual(["acme/tiny"]);
    expect((await client.models.retrieve("acme/tiny@v1")).id).toBe("acme/tiny@v1");
    expect(s.models.calls.at(-1)).toEqual(["metadata", { model: "acme/tiny", version: "v1" }]);
  });
});

describe("its errors", () => {
  test.each<[ErrorCode, new (...of: never[]) => Error]>([
    ["BAD_INPUT", OpenAI.BadRequestError],
    ["NOT_SUPPORTED", OpenAI.BadRequestError],
    ["HUB_GATED", OpenAI.PermissionDeniedError],
    ["MODEL_NOT_FOUND", OpenAI.NotFoundError],
    ["MODEL_BROKEN", OpenAI.UnprocessableEntityError],
    ["MODEL_QUEUE_FULL", OpenAI.RateLimitError],
    ["MODEL_LOADING", OpenAI.InternalServerError],
    ["MODEL_CRASHED", OpenAI.InternalServerError],
  ])("%s", async (code, type) => {
    await using s = await running();
    s.models.failures.set("generate", new LarderError(code, "Cannot do it"));
    const whole = await rejection(s.client().chat.completions.create(CHAT));
    const streamed = await rejection(s.client().chat.completions.create({ ...CHAT, stream: true }));
    for (const error of [whole, streamed]) {
      expect(error).toBeInstanceOf(type);
      expect((error as InstanceType<typeof OpenAI.APIError>).message).toEndWith(" Cannot do it");
    }
  });

  test("a field that cannot be done is a BadRequestError that names it", async () => {
    await using s = await running();
    const error = await rejection(s.client().chat.completions.create({ ...CHAT, n: 2 }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ param: "n", code: "invalid_value", type: "invalid_request_error" });
  });

  test("a key that is not ours is an AuthenticationError when the server is closed", async () => {
    await using s = await running();
    s.library.open = false;
    const error = await rejection(s.client().models.list());
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    s.library.tokens.set("ldr_good", ["infer"]);
    expect((await s.client({ apiKey: "ldr_good" }).models.list()).data).toEqual([]);
  });

  test("a stream that fails midway throws what was wrong", async () => {
    await using s = await running();
    s.models.generate = async (_target, _run, { onServed, onText } = {}) => {
      onServed?.(BY);
      onText?.("Hel");
      throw new LarderError("MODEL_CRASHED", "Cannot go on");
    };
    const stream = await s.client().chat.completions.create({ ...CHAT, stream: true });
    let text = "";
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    };
    const error = await rejection(read());
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ message: "Cannot go on", code: "model_crashed" });
    expect(text).toBe("Hel");
  });

  test("it tries again what passes, and only that", async () => {
    await using s = await running();
    const client = s.client({ maxRetries: 2 });
    const { generate } = s.models;
    const loading = new LarderError("MODEL_LOADING", "Cannot yet", { retryable: true, retryAfterS: 0 });
    let tries = 0;
    s.models.generate = (...call) => ++tries < 3 ? Promise.reject(loading) : generate(...call);
    expect((await client.chat.completions.create(CHAT)).choices.length).toBe(1);
    expect(tries).toBe(3);
    s.models.generate = () => {
      tries++;
      return Promise.reject(new LarderError("MODEL_TOO_LARGE", "Cannot ever"));
    };
    expect(await rejection(client.chat.completions.create(CHAT))).toBeInstanceOf(OpenAI.InternalServerError);
    expect(tries).toBe(4);
  });

  test("aborting a stream ends the generation", async () => {
    await using s = await running();
    const ended = Promise.withResolvers<void>();
    s.models.generate = async (_target, _run, { signal, onServed, onText } = {}) => {
      onServed?.(BY);
      onText?.("Hel");
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      ended.resolve();
      return { ...s.models.answer(), finishReason: "cancelled" };
    };
    const stream = await s.client().chat.completions.create({ ...CHAT, stream: true });
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content === "Hel") stream.controller.abort();
    }
    await ended.promise;
  });
});
