import { type Clock, SingleFlight } from "../../core/index.ts";
import type { ListAnswer } from "../listing-types.ts";
import type { Description, HeaderFacts } from "./description.ts";
import type { Change, Descriptions } from "./descriptions.ts";
import { HitCount } from "./hit-count.ts";
import type { Live } from "./live.ts";
import { isListed, type ListingQuery } from "./query.ts";
import { Responses, type StoredResponse } from "./responses.ts";
import { selectPage } from "./select-page.ts";
import { answerOf, pageView } from "./views.ts";

/** What is loaded, pinned and used may be shown so much later than it changed. */
const LIVE_MS = 1000;

export interface AnswersDeps {
  readonly descriptions: Pick<Descriptions, "snapshot">;
  readonly live: Pick<Live, "now">;
  /** Waits for the headers of models, for a bounded time. */
  readonly settleFacts: () => Promise<void>;
  readonly clock: Clock;
}

/**
 * The response cache: finished answers by query. One is forgotten when a model that belongs to its list, or did, is described otherwise.
 * What changes all the time (loaded, pinned, use) forgets none: it is merged in when an answer is made, and again when it is asked for
 * a second later, so it is shown at most {@link LIVE_MS} late.
 */
export class Answers {
  readonly counts = new HitCount();
  readonly #deps: AnswersDeps;
  readonly #responses = new Responses();
  readonly #making = new SingleFlight<string, ListAnswer>();
  /** Grow when a description changes, or what the headers tell of one. */
  #changes = 0;
  #factChanges = 0;

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#responses.count;
  }

  /** Of the answers, the most recently used first. */
  keys(): string[] {
    return this.#responses.keys();
  }

  /** At once when it is known; else it is made from the descriptions, once for all who ask meanwhile. */
  find(query: ListingQuery): ListAnswer | Promise<ListAnswer> {
    const known = this.#responses.find(query.key);
    const answer = known && this.#renewed(known);
    if (answer !== undefined) {
      this.counts.hits++;
      return answer;
    }
    this.counts.misses++;
    // What changed since may not be in an answer that is being made: it is another piece of work.
    return this.#making.run(`${this.#revision(query)} ${query.key}`, () => this.#make(query));
  }

  /** @param change Absent: many. */
  noteChange(change?: Change): void {
    this.#changes++;
    if (change === undefined) this.#responses.clear();
    else this.#responses.noteChange(change);
  }

  /** What the headers of a listed model told, which its description does not have yet. */
  noteFacts(description: Description, facts: HeaderFacts | null): void {
    const now = { ...description, facts };
    this.#factChanges++;
    this.#responses.forget((query) => !query.quick && (isListed(query, description) || isListed(query, now)));
  }

  clear(): void {
    this.#responses.clear();
  }

  /** With what changes all the time as it is now; undefined when that may have changed the order. */
  #renewed(response: StoredResponse): ListAnswer | undefined {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - response.lookedAtMs < LIVE_MS) return response.answer;
    const live = this.#deps.live.now();
    const { query, page } = response;
    if (live.stamp !== response.stamp) {
      if (query.order === "access_count" || query.order === "last_used_at") return undefined;
      response.answer = answerOf(pageView(page, live, query.quick));
      response.stamp = live.stamp;
    }
    response.lookedAtMs = nowMs;
    return response.answer;
  }

  async #make(query: ListingQuery): Promise<ListAnswer> {
    if (!query.quick) await this.#deps.settleFacts();
    const revision = this.#revision(query);
    const page = await selectPage(this.#deps.descriptions.snapshot(), query);
    const lookedAtMs = this.#deps.clock.monotonicMs();
    const live = this.#deps.live.now();
    const answer = answerOf(pageView(page, live, query.quick));
    if (revision === this.#revision(query)) {
      this.#responses.put({ query, page, answer, stamp: live.stamp, lookedAtMs });
    }
    return answer;
  }

  #revision({ quick }: ListingQuery): number {
    return quick ? this.#changes : this.#changes + this.#factChanges;
  }
}
