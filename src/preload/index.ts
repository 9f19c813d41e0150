export type { PreloadModels } from "./attempt.ts";
export { BATCH_MAX, DELAY_MS_MAX, PRIORITY_MAX } from "./preload-config.ts";
export { Preloader, type PreloaderDeps } from "./preloader.ts";
export {
  type Candidate,
  type Ranked,
  STRATEGIES,
  STRATEGY,
  type Strategy,
  type StrategyName,
} from "./strategies/index.ts";
export type * from "./types.ts";
export { WarmRestart, type WarmRestartDeps } from "./warm-restart.ts";
