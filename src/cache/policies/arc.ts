import { byLastUse, type Candidate, type EvictionPolicy, orderBy, type PolicyContext } from "./policy.ts";

/**
 * Adaptive replacement: one list for what was asked for once, one for what was asked for again, and the names of what each has lost.
 * A name that is asked for after all moves the target towards the list that lost it.
 *
 * The lists T1, T2, B1, B2 and the target p are those of the paper; here a model may also leave by other ways than REPLACE, and a
 * model in use is passed over.
 *
 * @see N. Megiddo, D. S. Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", USENIX FAST 2003, figure 4
 */
export function createArc({ capacity }: PolicyContext): EvictionPolicy {
  const once = new Set<string>();
  const again = new Set<string>();
  /** Names in the order in which they were evicted, the latest last. */
  const lostOnce = new Set<string>();
  const lostAgain = new Set<string>();
  let onceTarget = 0;

  function boundNames(): void {
    const most = capacity();
    while (lostOnce.size > 0 && once.size + lostOnce.size > most) dropOldest(lostOnce);
    const total = () => once.size + again.size + lostOnce.size + lostAgain.size;
    while (lostAgain.size > 0 && total() > 2 * most) dropOldest(lostAgain);
  }

  return {
    ...orderBy(byLastUse, ({ id }) => {
      const place = again.has(id) ? "asked for more than once" : "asked for once";
      return `${place}; ${once.size} such as the latter are here, ${onceTarget.toFixed(1)} wanted`;
    }),
    missed(id) {
      const [lost, others] = [lostOnce.size, lostAgain.size];
      if (lostOnce.has(id)) onceTarget = Math.min(capacity(), onceTarget + Math.max(1, others / lost));
      else if (lostAgain.has(id)) onceTarget = Math.max(0, onceTarget - Math.max(1, lost / others));
    },
    added({ id, uses }) {
      const wasLost = lostOnce.delete(id) || lostAgain.delete(id);
      (wasLost || uses > 1 ? again : once).add(id);
      boundNames();
    },
    used({ id }) {
      if (once.delete(id)) again.add(id);
    },
    removed({ id }, evicted) {
      const lost = once.delete(id) ? lostOnce : lostAgain;
      again.delete(id);
      if (evicted) lost.add(id);
    },
    order<T extends Candidate>(candidates: readonly T[], _nowMs: number, incoming?: string): T[] {
      const byUse = candidates.toSorted(byLastUse);
      const first = byUse.filter(({ id }) => once.has(id));
      const second = byUse.filter(({ id }) => !once.has(id));
      const isWantedAgain = incoming !== undefined && lostAgain.has(incoming);
      const order: T[] = [];
      for (let left = once.size; order.length < byUse.length;) {
        const prefersFirst = left > onceTarget || (isWantedAgain && left === onceTarget);
        const from = second.length === 0 || (prefersFirst && first.length > 0) ? first : second;
        if (from === first) left--;
        order.push(...from.splice(0, 1));
      }
      return order;
    },
  };
}

function dropOldest(names: Set<string>): void {
  for (const name of names) {
    names.delete(name);
    return;
  }
}
