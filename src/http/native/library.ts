import { LRUCache } from "lru-cache";
import type { ListAnswer, PreparedList, ServedListing } from "../../library/index.ts";
import { type Exchange, REQUEST_ID } from "../exchange.ts";
import type { AccessGuard } from "../guard/access.ts";
import { NoRouteError } from "../problem.ts";
import { checkQuery } from "../validate.ts";
import { listQuery, listRequest } from "./listing-body.ts";

const PATH = "/api/models/library";
/** Queries as they came, with what they mean. */
const QUERIES_MAX = 1000;
/** An answer holds until something changes, so it is asked for again each time; what is unchanged is not sent again. */
const CACHE_CONTROL = "private, no-cache";

export interface LibraryRouteOptions {
  readonly listing: Pick<ServedListing, "prepare" | "answer" | "noteHit">;
  readonly access: AccessGuard;
}

/**
 * `GET /api/models/library`. Beside Hono and not a route of it, because an interface asks for it all the time and the answer is
 * there: the chain of middleware would be most of the work.
 */
export class LibraryRoute {
  readonly #listing: LibraryRouteOptions["listing"];
  readonly #access: AccessGuard;
  readonly #queries = new LRUCache<string, PreparedList>({ max: QUERIES_MAX });
  /** Requests of one turn of the event loop were all sent before it began: what held for one of them holds for the others. */
  readonly #thisTurn = new Map<PreparedList, ListAnswer>();

  constructor({ listing, access }: LibraryRouteOptions) {
    this.#listing = listing;
    this.#access = access;
  }

  static has(path: string): boolean {
    return path === PATH;
  }

  answer(request: Request, exchange: Exchange): Response | Promise<Response> {
    exchange.route = PATH;
    if (request.method !== "GET" && request.method !== "HEAD") throw new NoRouteError(["GET", "HEAD"]);
    this.#access.check(request, exchange.peer, "read");
    const answer = this.#find(this.#prepared(request.url));
    if (!(answer instanceof Promise)) return send(request, exchange, answer);
    return answer.then((found) => send(request, exchange, found));
  }

  #find(prepared: PreparedList): ListAnswer | Promise<ListAnswer> {
    const known = this.#thisTurn.get(prepared);
    if (known !== undefined) {
      this.#listing.noteHit();
      return known;
    }
    const answer = this.#listing.answer(prepared);
    if (answer instanceof Promise) return answer;
    if (this.#thisTurn.size === 0) setImmediate(() => this.#thisTurn.clear());
    this.#thisTurn.set(prepared, answer);
    return answer;
  }

  #prepared(url: string): PreparedList {
    const start = url.indexOf("?");
    const raw = start === -1 ? "" : url.slice(start + 1);
    const known = this.#queries.get(raw);
    if (known !== undefined) return known;
    const prepared = this.#listing.prepare(listRequest(checkQuery(listQuery, new URLSearchParams(raw))));
    this.#queries.set(raw, prepared);
    return prepared;
  }
}

function send({ method, headers: asked }: Request, { id }: Exchange, { text, etag }: ListAnswer): Response {
  const headers = { [REQUEST_ID]: id, etag, "cache-control": CACHE_CONTROL };
  if (isKnown(asked.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  const whole = { ...headers, "content-type": "application/json" };
  if (method === "GET") return new Response(text, { headers: whole });
  return new Response(null, { headers: { ...whole, "content-length": String(Buffer.byteLength(text)) } });
}

/** @see RFC 9110 §13.1.2: the comparison is weak, for a proxy may have marked the tag so. */
function isKnown(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(",").some((one) => [etag, "*"].includes(one.trim().replace(/^W\//, "")));
}
