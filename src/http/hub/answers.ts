import { REQUEST_ID } from "../exchange.ts";

/** What every route here knows of the request that it answers. */
export interface HubExchange {
  readonly request: Request;
  readonly requestId: string;
}

export function queryOf({ request: { url } }: HubExchange): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : url.slice(start));
}

/** The bytes are counted here, so that a HEAD tells the length that a GET has. */
export function jsonAnswer(
  { request, requestId }: HubExchange,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const text = JSON.stringify(value);
  return new Response(request.method === "HEAD" ? null : text, {
    headers: {
      "content-type": "application/json; charset=utf-8",
      "content-length": String(Buffer.byteLength(text)),
      "cache-control": "no-cache",
      [REQUEST_ID]: requestId,
      ...headers,
    },
  });
}

/**
 * The `Link` to the next page, in the one form that all clients read: absolute, with a space after the semicolon.
 *
 * @see @huggingface/hub 2.17, `utils/parseLinkHeader.ts`.
 */
export function nextLink({ request }: HubExchange, cursor: string): Record<string, string> {
  const next = new URL(request.url);
  next.searchParams.set("cursor", encodeCursor(cursor));
  return { link: `<${next.href}>; rel="next"` };
}

/** The name that a page begins behind; undefined for the first page. */
export function cursorOf(query: URLSearchParams): string | undefined {
  const cursor = query.get("cursor");
  return cursor === null ? undefined : Buffer.from(cursor, "base64url").toString();
}

function encodeCursor(name: string): string {
  return Buffer.from(name).toString("base64url");
}

/** `limit`, as far as it is a number from 1 to `most`. */
export function limitOf(query: URLSearchParams, most: number): number {
  const limit = Number(query.get("limit") ?? most);
  return Number.isInteger(limit) && limit >= 1 ? Math.min(limit, most) : most;
}

/** True for `true`, `True` and `1`: clients differ. */
export function flagOf(query: URLSearchParams, name: string): boolean {
  return /^(?:true|1)$/i.test(query.get(name) ?? "");
}
