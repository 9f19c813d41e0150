import type { CachedModel } from "../../cache/index.ts";
import { LarderError, LATEST, parseModelRef } from "../../core/index.ts";
import type { AccessOrder, AccessRow, Registry } from "../../registry/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { CachedQuery, Catalog, ModelUseView, UseView } from "../catalog-types.ts";
import type { JobView } from "../job-types.ts";
import { resolveVersion } from "../names.ts";
import { usage } from "./usage.ts";
import { useView } from "./use-view.ts";

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1000;

export interface CatalogDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "space">;
  /** Models in memory now. */
  readonly loaded: () => readonly CachedModel[];
  /** What blobs may take; undefined without a budget. */
  readonly budgetBytes: () => number | undefined;
  /** Begins to remove all models. */
  readonly clear: () => JobView;
  readonly nowS: () => number;
}

/** Questions about all that is here: small answers from indexes, however many models there are. */
export function createCatalog(deps: CatalogDeps): Catalog {
  const { registry } = deps;
  const list = (order: AccessOrder, limit: number | undefined) =>
    views(deps, registry.listAccess({ order, limit: bounded(limit) }));
  return {
    cached: async ({ where = "disk", limit }: CachedQuery = {}) =>
      where === "disk" ? list("recent", limit) : inMemory(deps, bounded(limit)),
    oldest: async (limit) => list("oldest", limit),
    leastUsed: async (limit) => list("least_used", limit),
    usage: () => usage(deps),
    use: async (reference) => useOf(deps, reference),
    clear: async ({ confirm }) => {
      if (confirm !== true) throw notConfirmed();
      return deps.clear();
    },
  };
}

function bounded(limit = LIMIT_DEFAULT): number {
  return Math.min(Math.max(1, limit), LIMIT_MAX);
}

function views({ loaded, nowS }: CatalogDeps, rows: readonly AccessRow[]): UseView[] {
  const inMemory = loaded();
  const atS = nowS();
  return rows.map((row) => useView(row, inMemory.find((model) => isOf(row, model)), atS));
}

/** In the order of the cache. */
function inMemory(deps: CatalogDeps, limit: number): UseView[] {
  const rows = deps.loaded().slice(0, limit).flatMap((model) =>
    deps.registry.accessOf(model.model).filter((row) => isOf(row, model))
  );
  return views(deps, rows);
}

function isOf(row: AccessRow, { model, version, variant }: CachedModel): boolean {
  return row.model === model && row.version === version && row.variant === variant;
}

function useOf(deps: CatalogDeps, reference: string): ModelUseView {
  const { model, version, variant } = parseModelRef(reference);
  const resolved = resolveVersion(deps.registry, model, version ?? LATEST);
  const rows = deps.registry.accessOf(model).filter((row) =>
    row.version === (version === undefined ? row.version : resolved) &&
    row.variant === (variant ?? row.variant)
  );
  if (rows.length === 0 && variant !== undefined) throw variantNotFound(reference, model);
  return { model, variants: views(deps, rows) };
}

function variantNotFound(reference: string, model: string): LarderError {
  return new LarderError("VARIANT_NOT_FOUND", `Cannot find ${reference}: no such variant is here`, {
    field: "variant",
    hint: `See \`larder show ${model}\`.`,
  });
}

function notConfirmed(): LarderError {
  return new LarderError("BAD_BODY", "Cannot remove all models: not confirmed", {
    field: "confirm",
    hint: "Send confirm: true. What is removed can only be pulled or imported again.",
  });
}
