import { DEFAULT_VARIANT } from "../../core/index.ts";
import type { AbsentModelRow, ListedModelRow } from "../../registry/index.ts";
import type { ListedStatus, Provider } from "../listing-types.ts";
import { type Abilities, abilitiesByName, NO_ABILITIES } from "./capabilities.ts";

/** What the headers of a model's files tell. */
export interface HeaderFacts extends Abilities {
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly contextLength: number | null;
  readonly quantization: string | null;
}

/**
 * A model as it is listed. There may be a hundred thousand of them: what many have alike (abilities, lists of variants) is one object for
 * all. A change makes a new one; only use and what headers tell are filled in later.
 */
export interface Description {
  readonly model: string;
  readonly status: ListedStatus;
  readonly provider: Provider;
  readonly versionCount: number;
  readonly latest: string | null;
  readonly sizeBytes: number;
  readonly updatedAtS: number;
  readonly variants: readonly string[];
  /** By the names of its files. */
  readonly abilities: Abilities;
  uses: number;
  /** 0 when it was never used. */
  usedAtS: number;
  /** Undefined until they were read, null when they could not be. */
  facts: HeaderFacts | null | undefined;
}

/** A variant that is being brought here. */
export interface Arrival {
  readonly model: string;
  readonly version: string | undefined;
  readonly variant: string;
  readonly sinceS: number;
  readonly provider: Provider;
}

export function describeListed(row: ListedModelRow): Description {
  return {
    model: row.model,
    status: "downloaded",
    provider: row.isScanned ? "hub" : row.hasUrl ? "url" : "local",
    versionCount: row.versionCount,
    latest: row.latest,
    sizeBytes: row.sizeBytes,
    updatedAtS: row.updatedAtS,
    variants: shared(row.variants),
    abilities: abilitiesByName(row.format),
    uses: row.uses,
    usedAtS: row.usedAtS ?? 0,
    facts: undefined,
  };
}

/** @param arrivals One at least. */
export function describeArriving(model: string, arrivals: readonly Arrival[]): Description {
  return describeNothing({
    model,
    status: "downloading",
    provider: arrivals[0]?.provider ?? "local",
    latest: arrivals.find(({ version }) => version !== undefined)?.version ?? null,
    updatedAtS: Math.max(...arrivals.map(({ sinceS }) => sinceS)),
    variants: [...new Set(arrivals.map(({ variant }) => variant))].sort(),
  });
}

/** What was tried in vain, or only looked at. */
export function describeAbsent({ model, notes, scan }: AbsentModelRow): Description {
  const [newest] = notes;
  const tried = notes.filter(({ version }) => version === newest?.version);
  return describeNothing({
    model,
    status: newest === undefined ? "available" : "failed",
    provider: "hub",
    latest: newest?.version ?? scan?.version ?? null,
    updatedAtS: newest?.updatedAtS ?? scan?.scannedAtS ?? 0,
    variants: tried.map(({ variant }) => variant).sort(),
  });
}

function describeNothing(
  known: Pick<Description, "model" | "status" | "provider" | "latest" | "updatedAtS" | "variants">,
): Description {
  return {
    ...known,
    ...{ versionCount: 0, sizeBytes: 0, abilities: NO_ABILITIES, uses: 0, usedAtS: 0, facts: undefined },
  };
}

/** The same to whoever reads the list, but for use. */
export function isSame(a: Description, b: Description): boolean {
  return a.status === b.status && a.provider === b.provider && a.versionCount === b.versionCount &&
    a.latest === b.latest && a.sizeBytes === b.sizeBytes && a.updatedAtS === b.updatedAtS &&
    a.abilities === b.abilities && a.variants.join("\n") === b.variants.join("\n");
}

/** Versions never change: what the headers told still holds while the latest one and its variants are the same. */
export function hasSameFiles(a: Description, b: Description): boolean {
  return a.status === b.status && a.latest === b.latest && a.variants.join("\n") === b.variants.join("\n");
}

/** Which abilities count: those of the headers, where they were read and are asked for. */
export function abilitiesOf({ abilities, facts }: Description, quick: boolean): Abilities {
  return quick ? abilities : facts ?? abilities;
}

const NO_VARIANTS: readonly string[] = [];
const DEFAULT_ONLY: readonly string[] = [DEFAULT_VARIANT];

/** Most models have one variant, and most of those have it without a name. */
function shared(names: readonly string[]): readonly string[] {
  if (names.length === 0) return NO_VARIANTS;
  return names.length === 1 && names[0] === DEFAULT_VARIANT ? DEFAULT_ONLY : names;
}
