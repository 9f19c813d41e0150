export { createListing, type ListingParts } from "./create.ts";
export type { Arrival } from "./description.ts";
