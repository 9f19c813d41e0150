import type { ListingOrder, ListingSort } from "../listing-types.ts";
import type { Description } from "./description.ts";

/**
 * Where a model stands in an order. It says so by value, not by number: models that come and go meanwhile change nothing, and the model
 * itself need not be there any more.
 */
export interface Place {
  /** The name again, in the order of names. */
  readonly value: number | string;
  readonly model: string;
}

export type PlacedBy = Pick<Description, "model" | "updatedAtS" | "sizeBytes" | "uses" | "usedAtS">;

export function valueOf(order: ListingOrder, of: PlacedBy): number | string {
  switch (order) {
    case "name":
      return of.model;
    case "updated_at":
      return of.updatedAtS;
    case "size_bytes":
      return of.sizeBytes;
    case "access_count":
      return of.uses;
    case "last_used_at":
      return of.usedAtS;
  }
}

/** Those with the same value follow by name. */
export function comparePlaces(a: Place, b: Place, isDescending: boolean): number {
  if (a.value !== b.value) return (a.value < b.value) === isDescending ? 1 : -1;
  return a.model < b.model ? -1 : a.model > b.model ? 1 : 0;
}

/** Text for the client, that only {@link readCursor} has to understand. */
export function writeCursor(sort: ListingSort, { value, model }: Place): string {
  return Buffer.from(JSON.stringify([sort, value, model])).toString("base64url");
}

/** Undefined for what {@link writeCursor} has not written for this order. */
export function readCursor(cursor: string, expected: ListingSort): Place | undefined {
  const [sort, value, model, ...rest] = parseArray(Buffer.from(cursor, "base64url").toString());
  const isPlace = typeof model === "string" &&
    typeof value === (expected.endsWith("name") ? "string" : "number");
  if (sort !== expected || !isPlace || rest.length > 0) return undefined;
  return { value: value as Place["value"], model };
}

function parseArray(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    // Not JSON: somebody made it up.
    return [];
  }
}
