/** A number of models and what they take. */
export interface Load {
  readonly count: number;
  readonly bytes: number;
}

export interface Holding<T> {
  readonly most: Load;
  /** All that is here or on its way in. */
  readonly all: Load;
  /** The part of it that no waiting will move: what is pinned, or stays until its successor is there. */
  readonly fixed: Load;
  /** What could go. */
  readonly idle: readonly T[];
}

export type RoomPlan<T> =
  | { readonly kind: "room"; readonly victims: readonly T[] }
  /** When leases or loads end there may be room. */
  | { readonly kind: "wait" }
  | { readonly kind: "blocked" }
  | { readonly kind: "too_large" };

type Sized = { readonly bytes: number };

/**
 * Decides what has to go for a load, before anything goes.
 *
 * @param order Puts what could go in the order in which it should.
 */
export function planRoom<T extends Sized>(
  need: Load,
  holding: Holding<T>,
  order: (idle: readonly T[]) => readonly T[],
): RoomPlan<T> {
  const { most, all, fixed, idle } = holding;
  if (need.bytes > most.bytes) return { kind: "too_large" };
  if (!fits(add(fixed, need), most)) return { kind: "blocked" };
  const wanted = add(all, need);
  if (fits(wanted, most)) return { kind: "room", victims: [] };
  if (!fits(idle.reduce(without, wanted), most)) return { kind: "wait" };
  return { kind: "room", victims: chooseVictims(wanted, most, order(idle)) };
}

/** What has to go to come as close to the limits as can be, of `inOrder` from its start. */
export function chooseVictims<T extends Sized>(all: Load, most: Load, inOrder: readonly T[]): T[] {
  const taken: T[] = [];
  let rest = all;
  for (const one of inOrder) {
    if (fits(rest, most)) break;
    taken.push(one);
    rest = without(rest, one);
  }
  return spare(taken, rest, most);
}

/** A large victim may have made smaller ones before it needless: those stay, the best first. */
function spare<T extends Sized>(taken: readonly T[], rest: Load, most: Load): T[] {
  const needed: T[] = [];
  for (const one of taken.toReversed()) {
    const back = add(rest, { count: 1, bytes: one.bytes });
    if (fits(back, most)) rest = back;
    else needed.push(one);
  }
  return needed.reverse();
}

export function fits(load: Load, most: Load): boolean {
  return load.count <= most.count && load.bytes <= most.bytes;
}

export function add(a: Load, b: Load): Load {
  return { count: a.count + b.count, bytes: a.bytes + b.bytes };
}

export function sum(all: Iterable<Sized>): Load {
  let [count, bytes] = [0, 0];
  for (const one of all) [count, bytes] = [count + 1, bytes + one.bytes];
  return { count, bytes };
}

function without(load: Load, { bytes }: Sized): Load {
  return { count: load.count - 1, bytes: load.bytes - bytes };
}
