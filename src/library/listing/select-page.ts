import type { Description } from "./description.ts";
import { Pauses } from "./pauses.ts";
import { comparePlaces, type Place, valueOf, writeCursor } from "./place.ts";
import { isListed, type ListingQuery } from "./query.ts";

/** One page of a list. */
export interface SelectedPage {
  readonly descriptions: readonly Description[];
  /** Of all pages. */
  readonly total: number;
  readonly nextCursor: string | null;
}

interface Placed extends Place {
  readonly description: Description;
}

/** Models looked at between two looks at the clock. */
const STEP = 512;

/** The page that a query asks for. In the whole list only those are kept that may be on the page, so that no long list is sorted. */
export async function selectPage(all: readonly Description[], query: ListingQuery): Promise<SelectedPage> {
  const first = new FirstInOrder(query);
  const pauses = new Pauses();
  for (let start = 0; start < all.length; start += STEP) {
    const end = Math.min(start + STEP, all.length);
    for (let at = start; at < end; at++) first.add(all[at] as Description);
    if (pauses.isDue) await pauses.take();
  }
  return first.page();
}

class FirstInOrder {
  readonly #query: ListingQuery;
  #total = 0;
  #kept: Placed[] = [];
  /** Nothing behind it can be on the page any more. */
  #last: Placed | undefined;

  constructor(query: ListingQuery) {
    this.#query = query;
  }

  add(description: Description): void {
    const { order, after, limit } = this.#query;
    if (!isListed(this.#query, description)) return;
    this.#total++;
    const placed = { value: valueOf(order, description), model: description.model, description };
    if (after !== undefined && this.#compare(placed, after) <= 0) return;
    if (this.#last !== undefined && this.#compare(placed, this.#last) > 0) return;
    this.#kept.push(placed);
    if (this.#kept.length > 4 * (limit + 1)) this.#cut();
  }

  page(): SelectedPage {
    const { limit, sort } = this.#query;
    this.#cut();
    const onPage = this.#kept.slice(0, limit);
    const last = onPage.at(-1);
    const hasMore = this.#kept.length > limit && last !== undefined;
    return {
      descriptions: onPage.map(({ description }) => description),
      total: this.#total,
      nextCursor: hasMore ? writeCursor(sort, last) : null,
    };
  }

  /** One more than the page has tells whether there is another one. */
  #cut(): void {
    this.#kept = this.#kept.sort((a, b) => this.#compare(a, b)).slice(0, this.#query.limit + 1);
    if (this.#kept.length > this.#query.limit) this.#last = this.#kept.at(-1);
  }

  #compare(a: Place, b: Place): number {
    return comparePlaces(a, b, this.#query.isDescending);
  }
}
