import { type Clock, onAbort, parseAddress, systemClock } from "../core/index.ts";
import { AllowedOrigins } from "./address-policy.ts";
import { checkAnswer, discard } from "./answer-check.ts";
import { AvoidedAddresses } from "./avoided-addresses.ts";
import { hopHeaders } from "./hop-headers.ts";
import { type Attempt, type Fetch, isConnectFailure, pinnedFetch } from "./pinned-fetch.ts";
import { isRedirect, redirectTarget, refused } from "./redirect.ts";
import { candidates, nameError, type Resolve, systemResolve } from "./resolve.ts";
import type { NetClient, NetPolicy, NetRequest, NetResponse } from "./types.ts";

const REDIRECTS_MAX = 5;

export interface NetClientOptions {
  readonly fetch?: Fetch;
  readonly resolve?: Resolve;
  readonly clock?: Clock;
}

/**
 * The one way out to the network. Needs nothing but plain data, so a worker thread makes its own.
 *
 * @throws {LarderError} CONFIG An allowed origin is not one.
 */
export function createNetClient(policy: NetPolicy, options: NetClientOptions = {}): NetClient {
  return new GuardedClient(policy, options);
}

class GuardedClient implements NetClient {
  readonly #allowed: AllowedOrigins;
  /** As long as no redirect led away from where the request began. */
  readonly #allowedAtHome: AllowedOrigins;
  readonly #avoided: AvoidedAddresses;
  readonly #fetch: Fetch;
  readonly #resolve: Resolve;
  readonly #clock: Clock;

  constructor(private readonly policy: NetPolicy, options: NetClientOptions) {
    this.#allowed = new AllowedOrigins(policy.allowOrigins);
    this.#allowedAtHome = new AllowedOrigins([...policy.allowOrigins, ...policy.directOrigins ?? []]);
    this.#fetch = options.fetch ?? fetch;
    this.#resolve = options.resolve ?? systemResolve;
    this.#clock = options.clock ?? systemClock;
    this.#avoided = new AvoidedAddresses(this.#clock);
  }

  async request(start: URL, request: NetRequest = {}): Promise<NetResponse> {
    let url = parseAddress(start.href, "url");
    let atHome = true;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      const response = await this.#ask(url, request, atHome);
      if (!isRedirect(response.status)) {
        return { status: response.status, headers: response.headers, body: response.body, url };
      }
      await discard(response);
      const next = redirectTarget(url, response.headers.get("location"));
      atHome &&= next.origin === url.origin;
      url = next;
    }
    throw refused(url, `more than ${REDIRECTS_MAX} in a row`);
  }

  async #ask(url: URL, request: NetRequest, atHome: boolean): Promise<Response> {
    const addresses = this.#avoided.last(await this.#candidates(url, atHome, request.signal));
    const headers = hopHeaders(url, request, this.policy.userAgent, atHome);
    const connectMs = this.policy.connectMs / addresses.length;
    const { headersMs } = this.policy;
    const attempt = {
      url,
      method: request.method ?? "GET",
      headers,
      connectMs,
      headersMs,
      signal: request.signal,
    };
    const response = await this.#firstThatConnects(attempt, addresses);
    await checkAnswer(url.origin, response);
    return response;
  }

  async #firstThatConnects(
    attempt: Omit<Attempt, "address">,
    addresses: readonly string[],
  ): Promise<Response> {
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await pinnedFetch({ ...attempt, address }, this.#fetch, this.#clock);
      } catch (error) {
        if (!isConnectFailure(error)) throw error;
        this.#avoided.add(address);
        failure = error;
      }
    }
    throw failure;
  }

  /** Looks the name up, for no longer than a connection may take. */
  async #candidates(url: URL, atHome: boolean, signal: AbortSignal | undefined): Promise<string[]> {
    const allowed = atHome ? this.#allowedAtHome : this.#allowed;
    const over = new AbortController();
    const forget = signal ? onAbort(signal, (reason) => over.abort(reason)) : () => {};
    const late = this.#clock.sleep(this.policy.connectMs, over.signal).then(() => {
      throw nameError(url, "ETIMEDOUT");
    });
    try {
      return await Promise.race([late, candidates(url, allowed, this.#resolve)]);
    } finally {
      forget();
      over.abort();
      late.catch(() => {}); // the race has had its answer
    }
  }
}
