import type { Context } from "hono";
import type { HttpEnv } from "../exchange.ts";
import { NDJSON, serverSentEvents, watchStream } from "./watch-stream.ts";

export interface WatchQuestion<T> {
  readonly name: string;
  readonly states: (signal: AbortSignal) => AsyncIterable<T>;
  /** Aborts when the server stops. */
  readonly stopped: AbortSignal;
}

/** Answers with states as they come: server-sent events, or NDJSON where `Accept` asks for it. */
export async function answerWatch<T>(
  c: Context<HttpEnv>,
  { name, states, stopped }: WatchQuestion<T>,
): Promise<Response> {
  const wantsNdjson = c.req.header("accept")?.includes(NDJSON.contentType) ?? false;
  const format = wantsNdjson ? NDJSON : serverSentEvents(name);
  const headers = { "content-type": format.contentType, "cache-control": "no-store" };
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, c.req.raw.signal, stopped]);
  const rest = states(signal)[Symbol.asyncIterator]();
  const first = await rest.next();
  if (c.req.raw.method === "HEAD") {
    left.abort();
    return new Response(null, { headers });
  }
  return new Response(watchStream({ first, rest, format, onEnd: () => left.abort() }), { headers });
}
