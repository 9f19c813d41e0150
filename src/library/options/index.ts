export { createModelOptions } from "./create.ts";
export { KeptOptions, type LoadOptions } from "./kept-options.ts";
export { pick } from "./own-options.ts";
export { Pins } from "./pins.ts";
