import { describe, expect, test } from "bun:test";
import { isLarderError, LarderError } from "../../../src/core/index.ts";
import { unlessLeft } from "../../../src/http/openai/generation.ts";
import { running } from "./setup.ts";
import { BY } from "./stand-in-models.ts";

const CHAT = "/v1/chat/completions";
const BODY = { model: "acme/tiny", messages: [{ role: "user", content: "Hi" }], stream: true };

describe("a client that leaves", () => {
  /** Waits until it is told that the client left; what it then does is up to the test. */
  function untilLeft(end: () => never) {
    const begun = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const work = async (signal: AbortSignal | undefined) => {
      const gone = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      begun.resolve();
      await gone;
      left.resolve();
      return end();
    };
    return { begun: begun.promise, left: left.promise, work };
  }
  const cancelled = () => {
    throw new LarderError("CANCELLED", "Cannot go on");
  };
  const aborted = () => {
    throw new DOMException("The operation was aborted.", "AbortError");
  };

  test.each([["before any piece", false], ["after some", true]])(
    "ends a stream %s",
    async (_when, speaks) => {
      await using s = await running();
      const { begun, left, work } = untilLeft(cancelled);
      s.models.generate = async (_target, _run, { signal, onServed, onText } = {}) => {
        if (speaks) onServed?.(BY);
        onText?.("Hel");
        return await work(signal);
      };
      const client = new AbortController();
      const asked = s.ask(CHAT, BODY, { signal: client.signal });
      await begun;
      if (speaks) await (await asked).body?.getReader().read();
      client.abort();
      await asked.catch(() => {});
      await left;
    },
  );

  test.each([["/v1/completions", { model: "m", prompt: "x" }], ["/v1/embeddings", {
    model: "m",
    input: "x",
  }]])(
    "ends %s",
    async (target, body) => {
      await using s = await running();
      const { begun, left, work } = untilLeft(aborted);
      s.models.generate = (_target, _run, options) => work(options?.signal);
      s.models.embed = (_target, _input, options) => work(options?.signal);
      const client = new AbortController();
      const asked = s.ask(target, body, { signal: client.signal });
      await begun;
      client.abort();
      expect(await asked.then(() => "answered", () => "left")).toBe("left");
      await left;
    },
  );

  test("is not asked for the prompts that it did not wait for", async () => {
    await using s = await running();
    const { begun, left, work } = untilLeft(cancelled);
    let count = 0;
    s.models.generate = (_target, _run, options) => {
      count++;
      return work(options?.signal);
    };
    const client = new AbortController();
    const asked = s.ask("/v1/completions", { model: "m", prompt: ["a", "b"] }, { signal: client.signal });
    await begun;
    client.abort();
    await asked.catch(() => {});
    await left;
    expect((await s.get("/v1/models")).status).toBe(200);
    expect(count).toBe(1);
  });
});

test("what fails because the client left is CANCELLED, what fails otherwise is what it was", async () => {
  const client = new AbortController();
  const failing = () => unlessLeft(client.signal, Promise.reject(new DOMException("gone", "AbortError")));
  const there = await failing().catch((error: unknown) => error);
  client.abort();
  const gone = await failing().catch((error: unknown) => error);
  expect([isLarderError(there), isLarderError(gone, "CANCELLED")]).toEqual([false, true]);
});
