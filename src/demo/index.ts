export { DEMO_MODEL, ensureDemo, type EnsureDemoOptions } from "./ensure-demo.ts";
