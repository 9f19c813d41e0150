import type { ModelKey } from "../../cache/index.ts";
import type { Digest } from "../../core/index.ts";
import type { EvictedVariant, KeptVariant } from "../budget-types.ts";
import type { StoredVariant } from "./order.ts";

/** A path of a version that has some bytes. */
export interface Holder {
  readonly model: string;
  readonly version: string;
  /** The path leaves the disk with the last of these variants of its version. */
  readonly variants: readonly string[];
}

export interface VariantBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What a plan has to know of the variants beside their order. */
export interface EvictionFacts {
  /** Why this one may not go; undefined when it may. */
  keepReason(variant: ModelKey): string | undefined;
  /** Each blob once. */
  blobsOf(variant: ModelKey): readonly VariantBlob[];
  /** Every path that has these bytes; undefined when there are too many to look at. */
  holdersOf(digest: Digest): readonly Holder[] | undefined;
  /** Somebody needs these bytes, whatever variants go. */
  isHeld(digest: Digest): boolean;
  /** True when all of it can be had again from where it came. */
  comesBack(variant: ModelKey): boolean;
  /** Why this one goes before others. */
  reason(variant: StoredVariant): string;
}

export interface EvictionPlan {
  /** In the order in which they go. */
  readonly victims: readonly EvictedVariant[];
  readonly freedBytes: number;
  /** Who could go as well, the first to go first; of many the first {@link NEXT_MAX}. */
  readonly next: readonly KeptVariant[];
  /** Who may not go. */
  readonly kept: readonly KeptVariant[];
}

interface Victim {
  readonly variant: StoredVariant;
  readonly blobs: readonly VariantBlob[];
  readonly bytes: number;
  readonly reason: string;
}

/** More of those who could go next are not looked at. */
const NEXT_MAX = 100;
const NO_SOURCE = "nowhere to have it from again";
const SHARED = "all of its bytes are needed by others";

/**
 * Chooses variants, in the order given, until their leaving frees what is needed. What cannot be had again from anywhere comes after
 * everything that can. Bytes that several variants share are freed by the last of them to go; one whose leaving would free nothing
 * stays.
 *
 * @param variants The first to go first.
 * @param neededBytes With 0 nobody goes, and the plan says who would.
 */
export function planEviction(
  variants: readonly StoredVariant[],
  neededBytes: number,
  facts: EvictionFacts,
): EvictionPlan {
  const { movable, kept } = partition(variants, facts);
  const choice = new Choice(facts);
  const next: KeptVariant[] = [];
  for (const { variant, reason } of inTurn(movable, facts)) {
    if (choice.freedBytes < neededBytes) choice.take(variant, reason);
    else if (next.push(keptVariant(variant, reason)) === NEXT_MAX) break;
  }
  const { victims, useless } = choice.done();
  return {
    victims: victims.map(({ variant: { model, version, variant }, bytes, reason }) => ({
      ...{ model, version, variant, bytes, reason },
    })),
    freedBytes: choice.freedBytes,
    next,
    kept: [...kept, ...useless.map(({ variant }) => keptVariant(variant, SHARED))],
  };
}

function partition(
  variants: readonly StoredVariant[],
  facts: EvictionFacts,
): { readonly movable: readonly StoredVariant[]; readonly kept: readonly KeptVariant[] } {
  const movable: StoredVariant[] = [];
  const kept: KeptVariant[] = [];
  for (const variant of variants) {
    const reason = facts.keepReason(variant);
    if (reason === undefined) movable.push(variant);
    else kept.push(keptVariant(variant, reason));
  }
  return { movable, kept };
}

/** Those that can be had again first. Looked at one by one: as a rule the first few are enough. */
function* inTurn(
  variants: readonly StoredVariant[],
  facts: EvictionFacts,
): Generator<{ readonly variant: StoredVariant; readonly reason: string }> {
  const last: StoredVariant[] = [];
  for (const variant of variants) {
    if (facts.comesBack(variant)) yield { variant, reason: facts.reason(variant) };
    else last.push(variant);
  }
  for (const variant of last) yield { variant, reason: `${facts.reason(variant)}; ${NO_SOURCE}` };
}

/** Who goes, and what that frees. */
class Choice {
  readonly #victims: Victim[] = [];
  readonly #going = new Set<string>();
  readonly #freed = new Set<Digest>();
  #freedBytes = 0;

  constructor(private readonly facts: EvictionFacts) {}

  get freedBytes(): number {
    return this.#freedBytes;
  }

  take(variant: StoredVariant, reason: string): void {
    const blobs = this.facts.blobsOf(variant);
    this.#going.add(nameOf(variant));
    const freed = blobs.filter(({ digest }) => !this.#freed.has(digest) && this.#isFree(digest));
    const bytes = freed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { digest } of freed) this.#freed.add(digest);
    this.#freedBytes += bytes;
    this.#victims.push({ variant, blobs, bytes, reason });
  }

  /** Whoever freed nothing by itself goes only where it made way for a later one. */
  done(): { readonly victims: readonly Victim[]; readonly useless: readonly Victim[] } {
    const isOfUse = ({ bytes, blobs }: Victim) =>
      bytes > 0 || blobs.some(({ digest }) => this.#freed.has(digest));
    return {
      victims: this.#victims.filter(isOfUse),
      useless: this.#victims.filter((victim) => !isOfUse(victim)),
    };
  }

  #isFree(digest: Digest): boolean {
    if (this.facts.isHeld(digest)) return false;
    return this.facts.holdersOf(digest)?.every(({ variants, ...place }) =>
      variants.every((variant) => this.#going.has(nameOf({ ...place, variant })))
    ) ?? false;
  }
}

function nameOf({ model, version, variant }: ModelKey): string {
  return `${model}@${version}:${variant}`;
}

function keptVariant({ model, version, variant, sizeBytes }: StoredVariant, reason: string): KeptVariant {
  return { model, version, variant, size_bytes: sizeBytes, reason };
}
