import { LRUCache } from "lru-cache";
import type { ListAnswer } from "../listing-types.ts";
import type { Description } from "./description.ts";
import type { Change } from "./descriptions.ts";
import { isListed, type ListingQuery } from "./query.ts";
import type { SelectedPage } from "./select-page.ts";

const ENTRIES_MAX = 500;
/** A hundred first pages. Who walks through everything asks for each page once. */
const BYTES_MAX = 4 * 1024 * 1024;
/** What an entry takes beside its bytes, and for each model of its page. */
const [ENTRY_BYTES, MODEL_BYTES] = [1024, 8];

/** A finished answer, and what it was made of. */
export interface StoredResponse {
  readonly query: ListingQuery;
  readonly page: SelectedPage;
  answer: ListAnswer;
  /** Of the live state that the answer shows. */
  stamp: string;
  /** When that was last compared. */
  lookedAtMs: number;
}

/** Finished answers by query, bounded by number and by bytes. */
export class Responses {
  readonly #entries = new LRUCache<string, StoredResponse>({
    max: ENTRIES_MAX,
    maxSize: BYTES_MAX,
    sizeCalculation: ({ answer, page }) =>
      ENTRY_BYTES + answer.text.length + page.descriptions.length * MODEL_BYTES,
  });

  get count(): number {
    return this.#entries.size;
  }

  /** The most recently used first. */
  keys(): string[] {
    return [...this.#entries.keys()];
  }

  find(key: string): StoredResponse | undefined {
    return this.#entries.get(key);
  }

  put(response: StoredResponse): void {
    this.#entries.set(response.query.key, response);
  }

  /** Forgets the answers that a change makes wrong: those to whose list the model belonged or belongs. */
  noteChange({ before, now }: Change): void {
    this.forget((query) => belongs(query, before) || belongs(query, now));
  }

  forget(isWrong: (query: ListingQuery) => boolean): void {
    for (const [key, { query }] of this.#entries.entries()) if (isWrong(query)) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

function belongs(query: ListingQuery, description: Description | undefined): boolean {
  return description !== undefined && isListed(query, description);
}
