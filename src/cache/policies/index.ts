import { createArc } from "./arc.ts";
import { createCost } from "./cost.ts";
import { createFifo } from "./fifo.ts";
import { createLfu } from "./lfu.ts";
import { createLru } from "./lru.ts";
import type { EvictionPolicy, PolicyContext } from "./policy.ts";
import { createTtl } from "./ttl.ts";

export type { Candidate, EvictionPolicy, PolicyContext } from "./policy.ts";

export const POLICY_NAMES = ["lru", "lfu", "fifo", "arc", "ttl", "cost"] as const;

export type PolicyName = (typeof POLICY_NAMES)[number];

const MAKERS: Readonly<Record<PolicyName, (context: PolicyContext) => EvictionPolicy>> = {
  lru: createLru,
  lfu: createLfu,
  fifo: createFifo,
  arc: createArc,
  ttl: createTtl,
  cost: createCost,
};

export function createPolicy(name: PolicyName, context: PolicyContext): EvictionPolicy {
  return MAKERS[name](context);
}
