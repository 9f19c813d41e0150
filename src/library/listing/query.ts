import { LarderError } from "../../core/index.ts";
import type {
  Capability,
  ListedStatus,
  ListingOrder,
  ListingSort,
  ListRequest,
  PreparedList,
  Provider,
} from "../listing-types.ts";
import { abilitiesOf, type Description } from "./description.ts";
import { type Place, readCursor } from "./place.ts";

const LIMIT_DEFAULT = 100;
export const LIMIT_MAX = 1000;
const SORT_DEFAULT: ListingSort = "name";

/** A request with its defaults, and a key that all requests for the same have. */
export interface ListingQuery extends PreparedList {
  readonly quick: boolean;
  readonly provider: Provider | undefined;
  readonly status: ListedStatus | undefined;
  readonly capability: Capability | undefined;
  readonly name: RegExp | undefined;
  readonly sort: ListingSort;
  readonly order: ListingOrder;
  readonly isDescending: boolean;
  readonly limit: number;
  /** The page begins behind it. */
  readonly after: Place | undefined;
}

/** @throws {LarderError} BAD_QUERY for a cursor that is none, or is of another order. */
export function prepareQuery(request: ListRequest): ListingQuery {
  const { q = "", provider, status, capability, sort = SORT_DEFAULT, cursor, quick = false } = request;
  const limit = Math.min(Math.max(1, request.limit ?? LIMIT_DEFAULT), LIMIT_MAX);
  const text = q.toLowerCase();
  return {
    ...{ quick, provider, status, capability, sort, limit },
    key: keyOf({ quick, provider, status, capability, q: text, sort, limit, cursor }),
    forceRefresh: request.force_refresh ?? false,
    name: text === "" ? undefined : new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "i"),
    order: sort.replace("-", "") as ListingOrder,
    isDescending: sort.startsWith("-"),
    after: cursor === undefined ? undefined : placeOf(cursor, sort),
  };
}

/** Whether a model is in the list, on whichever page. */
export function isListed(query: ListingQuery, description: Description): boolean {
  const { quick, provider, status, capability, name } = query;
  const { model } = description;
  if (status === undefined ? description.status === "available" : description.status !== status) return false;
  if (provider !== undefined && description.provider !== provider) return false;
  if (name !== undefined && !name.test(model)) return false;
  return capability === undefined || abilitiesOf(description, quick).capabilities.includes(capability);
}

/** `quick=true&sort=-size_bytes&…`, for people too: it is shown. */
function keyOf(parts: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(parts).filter(([, value]) =>
    value !== undefined && value !== "" && value !== false
  );
  return given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
}

function placeOf(cursor: string, sort: ListingSort): Place {
  const place = readCursor(cursor, sort);
  if (place !== undefined) return place;
  throw new LarderError("BAD_QUERY", "Cannot go on from this cursor", {
    field: "cursor",
    hint: "Give next_cursor of the page before, with the same sort.",
  });
}
