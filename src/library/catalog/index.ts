export { createCatalog } from "./catalog.ts";
export { clear } from "./clear.ts";
