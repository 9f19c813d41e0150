export { bodyError, statusError } from "./failures.ts";
export { createNetClient, type NetClientOptions } from "./net-client.ts";
export type * from "./types.ts";
