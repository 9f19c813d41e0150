import type { ServedFile } from "./hub-context.ts";
import type { Origin, OriginRequest } from "./origin.ts";

/** A request that came to the hub or to its CDN. */
export interface HubRequest {
  readonly at: "hub" | "cdn";
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  readonly bodyBytesSent: number;
  /** What the answer held, when it was a file and no redirect or error. */
  readonly file: ServedFile | undefined;
}

/** All requests to both, in the order of arrival. */
export function mergeRequests(
  api: Origin,
  cdn: Origin,
  files: WeakMap<OriginRequest, ServedFile>,
): HubRequest[] {
  const all = [
    ...api.requests.map((request) => ({ at: "hub" as const, request })),
    ...cdn.requests.map((request) => ({ at: "cdn" as const, request })),
  ];
  return all.sort((a, b) => a.request.atMs - b.request.atMs).map(({ at, request }) => ({
    at,
    method: request.method,
    path: request.path,
    query: new URLSearchParams(request.target.slice(request.path.length)),
    headers: request.headers,
    status: request.status,
    bodyBytesSent: request.bodyBytesSent,
    file: files.get(request),
  }));
}

/** True for what asks about a repository or its files, and not for their content. */
export function isListing({ at, path }: HubRequest): boolean {
  return at === "hub" && /^\/api\/(?:models|datasets|spaces)\//.test(path) && !path.endsWith("/auth-check");
}
