import type { CacheSettings } from "./types.ts";

export const DEFAULT_CACHE_SETTINGS: CacheSettings = {
  policy: "lru",
  countMax: 3,
  ttlS: 3600,
  keepAliveS: null,
  churnWindowS: 60,
  waitersMax: 1024,
  loadsAtOnce: 2,
  deadlineMs: 30_000,
  failureBackoff: { baseMs: 1000, maxMs: 300_000 },
  crashLimit: 3,
  forgiveS: 600,
};
