import { z } from "zod";
import type { CacheSettings } from "../../cache/types.ts";
import { deadlineMs, inputs, name } from "./predict-body.ts";
import { withoutUndefined } from "./without-undefined.ts";

const DAY_S = 86_400;

function whole(min: number, max: number) {
  const allowed = `an integer from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed);
}

function seconds(max: number) {
  const allowed = `seconds from 0 to ${max}`;
  return z.number(allowed).min(0, allowed).max(max, allowed);
}

const POLICIES = [
  "lru",
  "lfu",
  "fifo",
  "arc",
  "ttl",
  "cost",
] as const satisfies readonly CacheSettings["policy"][];

export const cacheConfigBody = z.strictObject({
  policy: z.enum(POLICIES, `one of ${POLICIES.join(", ")}`).optional(),
  count_max: whole(1, 10_000).optional(),
  ttl_s: seconds(366 * DAY_S).optional(),
  keep_alive_s: seconds(366 * DAY_S).nullable().optional(),
  churn_window_s: seconds(DAY_S).optional(),
  waiters_max: whole(1, 1_000_000).optional(),
  loads_at_once: whole(1, 64).optional(),
  deadline_ms: deadlineMs.optional(),
  failure_backoff: z.strictObject({ base_ms: whole(0, DAY_S * 1000), max_ms: whole(0, DAY_S * 1000) })
    .optional(),
  crash_limit: whole(1, 1000).optional(),
  forgive_s: seconds(DAY_S).optional(),
});

export function cacheSettings(body: z.output<typeof cacheConfigBody>): Partial<CacheSettings> {
  const { failure_backoff: backoff, ...rest } = body;
  return withoutUndefined({
    policy: rest.policy,
    countMax: rest.count_max,
    ttlS: rest.ttl_s,
    keepAliveS: rest.keep_alive_s,
    churnWindowS: rest.churn_window_s,
    waitersMax: rest.waiters_max,
    loadsAtOnce: rest.loads_at_once,
    deadlineMs: rest.deadline_ms,
    failureBackoff: backoff && { baseMs: backoff.base_ms, maxMs: backoff.max_ms },
    crashLimit: rest.crash_limit,
    forgiveS: rest.forgive_s,
  });
}

/** As the API writes it. */
export function settingsView(
  { failureBackoff, ...settings }: CacheSettings,
): Required<z.output<typeof cacheConfigBody>> {
  return {
    policy: settings.policy,
    count_max: settings.countMax,
    ttl_s: settings.ttlS,
    keep_alive_s: settings.keepAliveS,
    churn_window_s: settings.churnWindowS,
    waiters_max: settings.waitersMax,
    loads_at_once: settings.loadsAtOnce,
    deadline_ms: settings.deadlineMs,
    failure_backoff: { base_ms: failureBackoff.baseMs, max_ms: failureBackoff.maxMs },
    crash_limit: settings.crashLimit,
    forgive_s: settings.forgiveS,
  };
}

const beside = { version: name.optional(), variant: name.optional() };

export const evictBody = z.strictObject({ model: name, ...beside });
export const loadBody = evictBody.extend({ deadline_ms: deadlineMs.optional() });
export const reloadBody = z.strictObject({ model: name.optional(), ...beside, probe: inputs.optional() });
export const pinBody = z.strictObject({ pinned: z.boolean("true or false") });

/** What a model's own address may be asked with. */
export const versionQuery = z.strictObject({ version: name.optional() });
export const explainQuery = z.strictObject({ model: name.optional(), ...beside });
export const loadableQuery = z.strictObject({ model: name.optional() });
