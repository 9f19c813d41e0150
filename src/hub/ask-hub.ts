import { type Backoff, backoffMs, type Clock, isLarderError, LarderError } from "../core/index.ts";
import type { NetClient, NetResponse } from "../net/index.ts";
import type { Endpoint } from "./endpoints.ts";
import { hubAnswer, refusalError, type Subject } from "./hub-errors.ts";
import { type BodyLimits, BodyTooLongError, readBody } from "./read-body.ts";

export interface AskDeps {
  readonly net: NetClient;
  readonly clock: Clock;
  readonly token: () => string | undefined;
  readonly tries: number;
  readonly backoff: Backoff;
  readonly random: () => number;
  readonly stallMs: number;
}

export interface HubQuestion {
  readonly url: URL;
  readonly about: Subject;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytesMax: number;
  /** How much of an answer of this status is read; `refuse` by default. */
  readonly beyond?: BodyLimits["beyond"];
  readonly signal: AbortSignal | undefined;
}

export interface HubReply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

const BODY_MS = 300_000;
const REFUSAL_BYTES_MAX = 4096;
/** Visible ASCII: what may stand in a header without being read as two. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * Asks one endpoint, again when that may help, as long as the endpoint says or with growing pauses. One that cannot be reached is
 * left at once when there is another.
 *
 * @returns An answer of 200 or 206.
 * @throws {LarderError} What {@link refusalError} says; HUB_ANSWER; the net client's; the signal's reason as it is.
 */
export async function askHub(deps: AskDeps, endpoint: Endpoint, question: HubQuestion): Promise<HubReply> {
  for (let failed = 1;; failed++) {
    try {
      return await askOnce(deps, endpoint, question);
    } catch (error) {
      question.signal?.throwIfAborted();
      if (!isLarderError(error) || !error.retryable || failed >= triesFor(error, deps, endpoint)) throw error;
      const waitMs = error.retryAfterS === undefined
        ? backoffMs(failed - 1, deps.backoff, deps.random)
        : error.retryAfterS * 1000;
      await deps.clock.sleep(waitMs, question.signal);
    }
  }
}

function triesFor({ code }: LarderError, { tries }: AskDeps, { hasNext }: Endpoint): number {
  const isSlow = code === "UPSTREAM_UNREACHABLE" || code === "UPSTREAM_TIMEOUT" || code === "DNS";
  return isSlow && hasNext ? 1 : tries;
}

async function askOnce(deps: AskDeps, endpoint: Endpoint, question: HubQuestion): Promise<HubReply> {
  const token = endpoint.isHome ? usableToken(deps.token()) : undefined;
  const response = await deps.net.request(question.url, {
    headers: { accept: "application/json, */*;q=0.5", ...question.headers },
    ...(token === undefined ? {} : { originHeaders: { authorization: `Bearer ${token}` } }),
    ...(question.signal === undefined ? {} : { signal: question.signal }),
  });
  return await readReply(deps, endpoint, question, response, token !== undefined);
}

async function readReply(
  { clock, stallMs }: AskDeps,
  { origin }: Endpoint,
  { about, bytesMax, beyond = "refuse" }: HubQuestion,
  response: NetResponse,
  withToken: boolean,
): Promise<HubReply> {
  const { status, headers } = response;
  const times = { stallMs, bodyMs: BODY_MS };
  if (status !== 200 && status !== 206) {
    // Only words to tell cases apart by: an answer that cannot be read to its end still has its status.
    const body = await readBody(response, { bytesMax: REFUSAL_BYTES_MAX, beyond: "leave", ...times }, clock)
      .catch(() => new Uint8Array());
    const text = new TextDecoder().decode(body);
    const isEndpoint = response.url.origin === origin;
    throw refusalError({ origin, status, headers, text, withToken, isEndpoint }, about, clock.nowS());
  }
  const encoding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    await response.body?.cancel().catch(() => {}); // the connection is given up: how it ends is of no interest
    throw hubAnswer(origin, "an encoding that was not asked for");
  }
  try {
    return { status, headers, bytes: await readBody(response, { bytesMax, beyond, ...times }, clock) };
  } catch (error) {
    if (error instanceof BodyTooLongError) {
      throw hubAnswer(origin, `an answer of more than ${bytesMax} bytes`);
    }
    throw error;
  }
}

/** @throws {LarderError} HUB_TOKEN_INVALID What cannot be sent is told here: the runtime's own error would show it. */
function usableToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  if (TOKEN.test(token)) return token;
  throw new LarderError(
    "HUB_TOKEN_INVALID",
    "Cannot send the hub's token: it holds spaces or other characters that no token has",
    {
      hint: "Give the token (HF_TOKEN) as the hub shows it.",
    },
  );
}
