export type { ScrubSettings } from "./gate.ts";
export { Scrub, type ScrubDeps } from "./scrub.ts";
