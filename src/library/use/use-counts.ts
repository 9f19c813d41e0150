import type { FollowUse, UseReport } from "../../registry/index.ts";
import type { ModelKey } from "../../cache/index.ts";
import type { UsedVariant } from "./used-variant.ts";

/** Variants, and pairs of them, that are counted between two writes. Those beyond are left out until the next one. */
const ENTRIES_MAX = 10_000;
/** Loads of one variant that are kept between two writes. */
const LOADS_MAX = 64;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Counted {
  readonly of: ModelKey;
  count: number;
  /** 0 when only a load was noted. */
  usedAtS: number;
  readonly loadsMs: number[];
  /** Uses in memory by hour of the week. */
  readonly hours: Map<number, number>;
}

/** What was used since the last write. */
export class UseCounts {
  readonly #variants = new Map<string, Counted>();
  readonly #follows = new Map<string, Mutable<FollowUse>>();

  get isEmpty(): boolean {
    return this.#variants.size === 0;
  }

  add(of: UsedVariant, atS: number, hour?: number): void {
    const counted = this.#counted(of);
    if (counted === undefined) return;
    counted.count++;
    counted.usedAtS = atS;
    if (hour !== undefined) counted.hours.set(hour, (counted.hours.get(hour) ?? 0) + 1);
  }

  addLoad(of: UsedVariant, loadMs: number): void {
    const counted = this.#counted(of);
    if (counted !== undefined && counted.loadsMs.length < LOADS_MAX) counted.loadsMs.push(loadMs);
  }

  addFollow(before: UsedVariant, next: UsedVariant): void {
    const id = `${before.model}\n${before.variant}\n${next.model}\n${next.variant}`;
    const known = this.#follows.get(id);
    if (known !== undefined) known.count++;
    else if (this.#follows.size < ENTRIES_MAX) {
      const { model, variant } = before;
      this.#follows.set(id, { model, variant, nextModel: next.model, nextVariant: next.variant, count: 1 });
    }
  }

  report(): UseReport {
    const variants = [...this.#variants.values()];
    return {
      variants: variants.map(({ of, count, usedAtS, loadsMs }) => ({ ...of, count, usedAtS, loadsMs })),
      hours: variants.flatMap(({ of: { model, variant }, hours }) =>
        [...hours].map(([hour, count]) => ({ model, variant, hour, count }))
      ),
      follows: [...this.#follows.values()],
    };
  }

  #counted({ id, model, version, variant }: UsedVariant): Counted | undefined {
    const known = this.#variants.get(id);
    if (known !== undefined || this.#variants.size >= ENTRIES_MAX) return known;
    const counted = {
      ...{ of: { model, version, variant }, count: 0, usedAtS: 0 },
      ...{ loadsMs: [], hours: new Map<number, number>() },
    };
    this.#variants.set(id, counted);
    return counted;
  }
}
