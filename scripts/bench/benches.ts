import { cache } from "./cache.ts";
import { hubAgain } from "./hub-again.ts";
import { hubBig } from "./hub-big.ts";
import { hubChunks } from "./hub-chunks.ts";
import { hubScan } from "./hub-scan.ts";
import { hubSmall } from "./hub-small.ts";
import { listing } from "./listing.ts";
import { loop } from "./loop.ts";
import { memory } from "./memory.ts";
import { modelsCold } from "./models-cold.ts";
import { modelsHealth } from "./models-health.ts";
import { modelsMemory } from "./models-memory.ts";
import { modelsPredict } from "./models-predict.ts";
import { modelsReload } from "./models-reload.ts";
import { modelsThroughput } from "./models-throughput.ts";
import { modelsWaiting } from "./models-waiting.ts";
import { preloadLatency } from "./preload-latency.ts";
import { preloadTraces } from "./preload-traces.ts";
import { pullAria2 } from "./pull-aria2.ts";
import { pullCurl } from "./pull-curl.ts";
import { pullLimited } from "./pull-limited.ts";
import { registry } from "./registry.ts";
import { scrub } from "./scrub.ts";
import { serveBig } from "./serve-big.ts";
import { serveSmall } from "./serve-small.ts";
import type { Bench } from "./shared/types.ts";
import { smallFiles } from "./small-files.ts";
import { start } from "./start.ts";
import { warmRestart } from "./warm-restart.ts";
import { verify } from "./verify.ts";

/** In the order in which they run and are reported. */
export const BENCHES: readonly Bench[] = [
  pullCurl,
  pullAria2,
  pullLimited,
  memory,
  serveBig,
  serveSmall,
  verify,
  scrub,
  smallFiles,
  loop,
  start,
  cache,
  registry,
  listing,
  hubScan,
  hubSmall,
  hubBig,
  hubAgain,
  hubChunks,
  modelsPredict,
  modelsThroughput,
  modelsHealth,
  modelsReload,
  modelsWaiting,
  modelsMemory,
  modelsCold,
  preloadTraces,
  preloadLatency,
  warmRestart,
];
