import type { NetRequest } from "./types.ts";

/** What a caller may send to any origin that it is redirected to: says what is wanted, not who wants it. */
const HARMLESS: ReadonlySet<string> = new Set([
  "accept",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "range",
]);

/** Ours alone: they steer the connection or the framing. */
const RESERVED: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

/** @param atHome False from the first change of origin on, for ever: what was dropped never comes back. */
export function hopHeaders(url: URL, request: NetRequest, userAgent: string, atHome: boolean): Headers {
  const headers = new Headers();
  const wanted = { ...request.headers, ...(atHome ? request.originHeaders : {}) };
  for (const [name, value] of Object.entries(wanted)) {
    const key = name.toLowerCase();
    if (!RESERVED.has(key) && (atHome || HARMLESS.has(key))) headers.set(key, value);
  }
  headers.set("accept-encoding", "identity");
  headers.set("user-agent", userAgent);
  headers.set("host", url.host);
  return headers;
}
