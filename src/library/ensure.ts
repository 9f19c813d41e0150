import { DEFAULT_VARIANT, LarderError, LATEST, parseModelRef } from "../core/index.ts";
import { defaultVariant } from "../hub/index.ts";
import type { Registry } from "../registry/index.ts";
import type { HubScans } from "./hub-scans.ts";
import type { Pulls } from "./pulls.ts";
import type { EnsuredVariant } from "./hub-types.ts";
import type { PullView } from "./types.ts";
import { downloadedFiles, findLost } from "./variant-files.ts";

export interface EnsureDeps {
  readonly registry: Registry;
  readonly scans: Pick<HubScans, "stored">;
  readonly pulls: Pick<Pulls, "start" | "watch">;
}

export interface EnsureOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (pull: PullView) => void;
}

/** A variant that can be used: at once when it is here, else pulled. */
export async function ensure(
  deps: EnsureDeps,
  reference: string,
  { signal, onProgress }: EnsureOptions = {},
): Promise<EnsuredVariant> {
  const ref = parseModelRef(reference);
  const here = findHere(deps, ref);
  if (here !== undefined) return { ...here, pulled: false };
  const { id } = await deps.pulls.start({
    model: ref.model,
    ...(ref.version === undefined || ref.version === LATEST ? {} : { revision: ref.version }),
    ...(ref.variant === undefined ? {} : { variant: ref.variant }),
  });
  let last: PullView | undefined;
  for await (last of deps.pulls.watch(id, signal)) onProgress?.(last);
  signal?.throwIfAborted();
  if (last?.state !== "done" || last.version === null) throw endOf(reference, last);
  const { model, version, variant, files } = last;
  return { model, version, variant, files: files.map(({ path }) => path), pulled: true };
}

function findHere(
  { registry, scans }: EnsureDeps,
  { model, version = LATEST, variant }: ReturnType<typeof parseModelRef>,
): Omit<EnsuredVariant, "pulled"> | undefined {
  const name = registry.resolveVersion(model, version);
  const row = name === undefined ? undefined : registry.findVersion(model, name);
  if (row === undefined) return undefined;
  const offered = scans.stored(model, row.version)?.document.variants ?? [];
  const preferred = offered.length === 0 ? DEFAULT_VARIANT : defaultVariant(offered).name;
  const names = variant === undefined ? [preferred, ...row.variants.map((one) => one.name)] : [variant];
  for (const chosen of names) {
    const files = downloadedFiles(row, chosen);
    if (files === undefined || findLost(registry, files) !== undefined) continue;
    return { model, version: row.version, variant: chosen, files: files.map(({ path }) => path) };
  }
  return undefined;
}

function endOf(reference: string, pull: PullView | undefined): LarderError {
  if (pull?.error) return LarderError.fromRecord(pull.error);
  return new LarderError("CANCELLED", `Cannot use ${reference}: its pull was ${pull?.state ?? "ended"}`, {
    retryable: true,
    hint: "Pull it again.",
  });
}
