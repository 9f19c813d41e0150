/** Who is at the other end. */
export interface Peer {
  /** Came over the Unix socket: only the owner of the home can open it, so it may do everything. */
  readonly trusted: boolean;
}

/** One request on its way through: what is made known to the client and to the log. */
export interface Exchange {
  readonly id: string;
  readonly peer: Peer;
  /** Template of the route that answers; names in an address never become a label or a log line. */
  route: string;
}

/** What Hono's handlers find in `c.env`. */
export interface HttpEnv {
  Bindings: { readonly exchange: Exchange };
}

/** On every answer. Set where the answer is made: touching the headers of a finished one is a cost of its own. */
export const REQUEST_ID = "x-request-id";

export const NO_ROUTE = "(none)";

/** Makes request ids: unique in this process, and unlikely to meet again in another. */
export class RequestIds {
  readonly #prefix = crypto.randomUUID().slice(0, 8);
  #count = 0;

  next(): string {
    return `${this.#prefix}-${(this.#count++).toString(36)}`;
  }
}
