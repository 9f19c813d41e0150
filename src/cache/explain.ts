import type { Entry } from "./entry.ts";
import type { RoomPlan } from "./room.ts";
import type { Claim, Shelf } from "./shelf.ts";
import type { ExplainedModel, Explanation } from "./types.ts";

type Outcome = Explanation["outcome"];

/** A load of no size, by which to see who would be the next to go. */
export const NO_CLAIM: Claim<never> = {
  id: "",
  estimatedBytes: 0,
  startedMs: undefined,
  takesOver: false,
  replaced: new Set<never>(),
};

/**
 * What a load would do to the models in memory.
 *
 * @param known What is known of the model already, so that nothing would be done.
 */
export function explainLoad<M>(
  shelf: Shelf<M>,
  claim: Claim<M>,
  { nowMs, known }: { readonly nowMs: number; readonly known: Outcome | undefined },
): Pick<Explanation, "outcome" | "victims" | "order" | "kept"> {
  const plan = shelf.plan(claim);
  const victims = known === undefined && plan.kind === "room" ? plan.victims : [];
  const idle = shelf.idle;
  const kept = [...shelf.residents.loaded].filter((entry) => !idle.includes(entry));
  const explained = (entry: Entry<M>): ExplainedModel => ({
    key: entry.id,
    bytes: entry.bytes,
    reason: shelf.reason(entry, nowMs),
  });
  return {
    outcome: known ?? outcomeOf(plan),
    victims: victims.map(explained),
    order: shelf.order(idle, claim.id).map(explained),
    kept: kept.map((entry) => ({ ...explained(entry), reason: whyKept(entry) })),
  };
}

function outcomeOf(plan: RoomPlan<unknown>): Outcome {
  switch (plan.kind) {
    case "room":
      return plan.victims.length > 0 ? "evicts" : "fits";
    case "wait":
      return "waits";
    default:
      return plan.kind;
  }
}

function whyKept({ pinned, leases }: Entry<unknown>): string {
  return [pinned ? "pinned" : "", leases > 0 ? `in use by ${leases}` : ""].filter(Boolean).join(", ");
}
