import {
  CHUNK_BYTES,
  DEFAULT_VARIANT,
  type ErrorCode,
  isLarderError,
  LarderError,
  Semaphore,
} from "../core/index.ts";
import { bySize, defaultVariant, type HubVariant } from "../hub/index.ts";
import type { FileRow, Registry } from "../registry/index.ts";
import type { HubDeps } from "./deps.ts";
import { missingBytes } from "./fits.ts";
import type { HubPull } from "./hub-plan.ts";
import type { HubScans, Scan } from "./hub-scans.ts";
import {
  aliasOf,
  plannedFiles,
  selectedPaths,
  selectionName,
  variantNotFound,
  weightBytes,
} from "./hub-selection.ts";
import type { PlannedFile, PullPlan } from "./pull-plan.ts";
import { downloadedFiles, findLost } from "./variant-files.ts";

/** After these a smaller variant may still work: the fault lies in the variant or in its size. */
export const FALLS_BACK: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...["DIGEST_MISMATCH", "SIZE_MISMATCH", "RANGE_MISMATCH", "LENGTH_UNKNOWN"] as const,
  ...["NO_SPACE", "DOES_NOT_FIT_MEMORY", "VARIANT_NOT_FOUND", "HUB_FILE_NOT_FOUND"] as const,
  ...["UPSTREAM_CHANGED", "UPSTREAM_NOT_FOUND", "UPSTREAM_STATUS", "UPSTREAM_TRUNCATED"] as const,
]);

/** One variant that would do. */
export interface HubCandidate {
  readonly variant: string;
  /** Its files, when all of it is here and named as asked: nothing is to be done. */
  readonly present?: readonly FileRow[];
  /** @throws {LarderError} VARIANT_NOT_FOUND, DOES_NOT_FIT_MEMORY, NO_SPACE */
  plan(signal: AbortSignal): Promise<PlannedFile[]>;
}

/** What a hub has for a pull: one commit, and the variants to try in order. */
export interface HubOffer {
  readonly version: string;
  readonly aliases: readonly string[];
  /** One at least. */
  readonly candidates: readonly HubCandidate[];
  /** Notes how trying a variant ended: badly, or well. */
  noteEnd(
    variant: string,
    failure?: { readonly error: LarderError; readonly bytesDone: number },
  ): Promise<void>;
  /** What the hub itself says of a refusal that a transfer met: gated, private, disabled. */
  explain(error: LarderError, files: readonly PlannedFile[], signal: AbortSignal): Promise<LarderError>;
}

/** What a transfer makes of a status for which the hub has words. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...["UPSTREAM_UNAUTHORIZED", "UPSTREAM_FORBIDDEN", "UPSTREAM_NOT_FOUND"] as const,
]);

export interface HubOffersDeps {
  /** @throws {LarderError} NO_SPACE when there is no room for these files, and nobody who can make it */
  readonly ensureRoom: (files: readonly PlannedFile[]) => Promise<void>;
  readonly scans: HubScans;
  readonly registry: Registry;
  /** Bytes that models may take. */
  readonly memoryBytes: () => number;
  readonly hub: Pick<HubDeps, "client" | "chunksOf">;
  readonly nowS: () => number;
}

/** Chunk lists that are asked for at once. */
const CHUNK_LISTS_AT_ONCE = 4;

/** Turns what was asked of a hub into one commit and a row of variants to try. */
export class HubOffers {
  constructor(private readonly deps: HubOffersDeps) {}

  /** @throws {LarderError} What asking the hub ends with; VARIANT_NOT_FOUND, HUB_FILE_NOT_FOUND, OFFLINE. */
  async offer(plan: PullPlan, signal: AbortSignal): Promise<HubOffer> {
    const { hub, model } = plan;
    if (hub === undefined) throw new Error("not a pull from a hub");
    // A pull that goes on keeps to its commit, wherever its branch is by now.
    const revision = plan.version ?? hub.revision;
    const scan = await this.deps.scans.current(model, revision, { offline: hub.offline, signal });
    const aliases = [...new Set([...aliasOf(hub.revision), ...plan.aliases])];
    const names = hub.patterns === undefined ? this.#variantNames(scan, hub) : [selectionName(hub.patterns)];
    return {
      version: scan.version,
      aliases,
      candidates: names.map((variant) => this.#candidate(scan, hub, variant, aliases)),
      noteEnd: (variant, failure) => this.#noteEnd(scan, variant, failure),
      explain: (error, files, ofRun) => this.#explain(scan, error, files, ofRun),
    };
  }

  #variantNames({ document }: Scan, hub: HubPull): string[] {
    const { variants } = document;
    const asked = hub.variant === undefined || hub.variant === DEFAULT_VARIANT
      ? defaultVariant(variants)
      : variants.find(({ name }) => name === hub.variant);
    const first = asked?.name ?? hub.variant ?? DEFAULT_VARIANT;
    if (hub.fallback === "none") return [first];
    if (hub.fallback !== "smaller") return [...new Set([first, ...hub.fallback])];
    if (asked !== undefined) return [first, ...bySize(variants, asked).map(({ name }) => name)];
    const instead = defaultVariant(variants);
    return [first, instead.name, ...bySize(variants, instead).map(({ name }) => name)];
  }

  #candidate(scan: Scan, hub: HubPull, variant: string, aliases: readonly string[]): HubCandidate {
    const present = this.#present(scan, variant, aliases);
    return {
      variant,
      ...(present === undefined ? {} : { present }),
      plan: async (signal) => {
        const paths = hub.patterns === undefined
          ? this.#pathsOf(scan, hub, variant)
          : selectedPaths(scan, hub.patterns);
        const files = plannedFiles(scan, paths, this.deps.hub.client);
        if (present !== undefined) return files;
        await this.deps.ensureRoom(files);
        return await this.#withChunks(scan, files, signal);
      },
    };
  }

  #pathsOf(scan: Scan, hub: HubPull, name: string): readonly string[] {
    const { variants } = scan.document;
    const variant = variants.find((one) => one.name === name);
    if (variant === undefined) throw variantNotFound(scan, name);
    if (hub.fallback !== "none") this.#checkMemory(scan, variant);
    return variant.files;
  }

  /** Only a reason to take another one where another one would fit. */
  #checkMemory({ document }: Scan, variant: HubVariant): void {
    const memoryBytes = this.deps.memoryBytes();
    const neededBytes = weightBytes(document.files, variant);
    const some = [variant, ...bySize(document.variants, variant)];
    if (neededBytes <= memoryBytes) return;
    if (!some.some((one) => weightBytes(document.files, one) <= memoryBytes)) return;
    throw new LarderError(
      "DOES_NOT_FIT_MEMORY",
      `Cannot use variant ${variant.name} here: its weights need ${neededBytes} bytes of memory, ${memoryBytes} are available`,
      {
        field: "variant",
        hint: "Take a smaller variant, or pull it without a fallback.",
        details: { needed_bytes: neededBytes, available_bytes: memoryBytes },
      },
    );
  }

  #present({ model, version }: Scan, variant: string, aliases: readonly string[]): FileRow[] | undefined {
    const { registry } = this.deps;
    const row = registry.findVersion(model, version);
    const files = row && downloadedFiles(row, variant);
    if (files === undefined || findLost(registry, files) !== undefined) return undefined;
    return aliases.every((alias) => registry.resolveVersion(model, alias) === version) ? files : undefined;
  }

  /** Where a larder is asked, what local blobs have of a file need not be fetched. */
  async #withChunks(
    { document }: Scan,
    files: readonly PlannedFile[],
    signal: AbortSignal,
  ): Promise<PlannedFile[]> {
    const { hub, registry } = this.deps;
    if (!document.isLarder) return [...files];
    const asking = new Semaphore(CHUNK_LISTS_AT_ONCE);
    return await Promise.all(files.map(async (file) => {
      const { digest, sizeBytes = 0 } = file;
      if (digest === undefined || sizeBytes <= CHUNK_BYTES || registry.findBlob(digest)) return file;
      const chunks = await asking.run(() => hub.chunksOf(document.endpoint, digest, sizeBytes, signal));
      return chunks === undefined ? file : { ...file, chunks };
    }));
  }

  async #explain(
    { document, version }: Scan,
    error: LarderError,
    files: readonly PlannedFile[],
    signal: AbortSignal,
  ): Promise<LarderError> {
    const missing = files.find((file) => missingBytes(this.deps.registry, [file]) > 0);
    if (!REFUSALS.has(error.code) || missing === undefined) return error;
    try {
      const at = { repo: document.repo, commit: version };
      await this.deps.hub.client.read(at, missing.path, { range: { start: 0, end: 1 }, signal });
      return error;
    } catch (said) {
      return isLarderError(said) ? said : error;
    }
  }

  async #noteEnd(
    { model, version }: Scan,
    variant: string,
    failure: { readonly error: LarderError; readonly bytesDone: number } | undefined,
  ): Promise<void> {
    const { registry, nowS } = this.deps;
    if (failure === undefined) return await registry.removeVariantNote(model, version, variant);
    const { error, bytesDone } = failure;
    await registry.putVariantNote({
      ...{ model, version, variant, bytesDone },
      error: error.toRecord(),
      updatedAtS: nowS(),
    });
  }
}
