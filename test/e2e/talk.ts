import { tinyLlama } from "../helpers/tiny-llama.ts";
import type { ModelFiles, ModelServer } from "./model-place.ts";

/** A model that takes its time: a wide one, with room for thousands of tokens. */
export const TALKER: ModelFiles = { "llama.gguf": tinyLlama({ width: 256, layers: 8, contextLength: 4096 }) };

export interface Talk extends AsyncDisposable {
  /** All events of the stream; what has come when it ends otherwise. */
  readonly text: Promise<string>;
}

/** Streams a completion. Resolves when the first piece has come; leaves at the end. */
export async function startTalk({ url }: ModelServer, model: string, tokens = 4000): Promise<Talk> {
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, prompt: "a", max_tokens: tokens, temperature: 1, seed: 5, stream: true }),
    signal: leaving.signal,
  });
  if (response.body === null || response.status !== 200) {
    throw new Error(`Cannot talk: ${await response.text()}`);
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let seen = "";
  const take = async () => {
    const { done, value } = await reader.read();
    seen += decoder.decode(value, { stream: true });
    return !done;
  };
  await take();
  const drain = async () => {
    while (await take());
    return seen;
  };
  const text = drain().catch(() => seen);
  return {
    text,
    [Symbol.asyncDispose]: async () => {
      leaving.abort();
      await text;
    },
  };
}
