import { isIP } from "node:net";
import { type Clock, LarderError } from "../core/index.ts";
import { fetchError, timeoutError } from "./failures.ts";
import { reacts } from "./probe.ts";

/** `fetch` as it is used here: Bun's own options are more than the standard's. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

export interface Attempt {
  readonly url: URL;
  /** The IP address to connect to, already checked. */
  readonly address: string;
  readonly method: string;
  /** With `host`. */
  readonly headers: Headers;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The part of the time for a connection that passes before its state is asked for. */
const PATIENCE = 0.25;

/**
 * Asks one server at one address, without following, decompressing or proxying.
 *
 * @throws {LarderError} TLS, UPSTREAM_UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_PROTOCOL; the reason of the caller's signal as it is.
 */
export async function pinnedFetch(attempt: Attempt, fetch: Fetch, clock: Clock): Promise<Response> {
  const late = new AbortController();
  const answered = new AbortController();
  const fail = (error: LarderError) => late.abort(error);
  void watchHeaders(attempt, clock, answered.signal, fail);
  void watchConnection(attempt, clock, answered.signal, fail);
  const signal = attempt.signal ? AbortSignal.any([attempt.signal, late.signal]) : late.signal;
  try {
    return await fetch(pinnedAddress(attempt), { ...requestInit(attempt), signal });
  } catch (error) {
    if (attempt.signal?.aborted) throw attempt.signal.reason;
    if (late.signal.aborted) throw late.signal.reason;
    throw fetchError(attempt.url.origin, error);
  } finally {
    answered.abort();
  }
}

/** True when another address of the same server may do better. */
export function isConnectFailure(error: unknown): boolean {
  if (!(error instanceof LarderError)) return false;
  return error.code === "UPSTREAM_UNREACHABLE" ||
    (error.code === "UPSTREAM_TIMEOUT" && error.details?.["phase"] === "connect");
}

function pinnedAddress({ url, address }: Attempt): string {
  const pinned = new URL(url);
  pinned.hostname = isIP(address) === 6 ? `[${address}]` : address;
  return pinned.href;
}

function requestInit({ url, method, headers }: Attempt): BunFetchRequestInit {
  const name = url.hostname.replace(/\.$/, "");
  const named = url.protocol === "https:" && !isIP(name) && !name.startsWith("[");
  return {
    method,
    headers,
    redirect: "manual",
    decompress: false,
    // Anything else, deleting the variables included, lets HTTP_PROXY in: Bun reads it once, at its start.
    proxy: false as unknown as string,
    // The certificate is checked against this name and not against the address; the connection pool keeps names apart.
    ...(named ? { tls: { serverName: name } } : {}),
  };
}

type Fail = (error: LarderError) => void;

async function watchHeaders(
  attempt: Attempt,
  clock: Clock,
  answered: AbortSignal,
  fail: Fail,
): Promise<void> {
  if (await passes(clock, attempt.headersMs, answered)) {
    fail(timeoutError(attempt.url.origin, "headers", attempt.headersMs));
  }
}

async function watchConnection(
  attempt: Attempt,
  clock: Clock,
  answered: AbortSignal,
  fail: Fail,
): Promise<void> {
  const { url, address, connectMs } = attempt;
  if (!await passes(clock, connectMs * PATIENCE, answered)) return;
  const over = new AbortController();
  void passes(clock, connectMs * (1 - PATIENCE), answered).then(() => over.abort());
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const connected = await reacts(address, port, over.signal);
  if (!connected && !answered.aborted) fail(timeoutError(url.origin, "connect", connectMs));
}

/** Whether the time passed before the signal came. */
function passes(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  return clock.sleep(ms, signal).then(() => true, () => false);
}
