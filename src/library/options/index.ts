export { KeptOptions, type LoadOptions } from "./kept-options.ts";
export { ModelOptions } from "./model-options.ts";
export { pick } from "./own-options.ts";
export { Pins } from "./pins.ts";
export { Tuner } from "./tuner.ts";
