import { type Digest, LarderError, type ModelRef, parseDigest, parseModelRef } from "../core/index.ts";
import type { BlobRow, Registry, VersionFile, VersionRow } from "../registry/index.ts";
import { findVersion } from "./names.ts";
import { downloadedFiles } from "./variant-files.ts";

const PAGE = 1000;
const LOOKS_LIKE_DIGEST = /^(?:sha256:)?[0-9a-f]{64}$/;

/** The blobs that targets mean: digests, references, or all there are. @throws {LarderError} BAD_REFERENCE, BLOB_MISSING, *_NOT_FOUND */
export function findTargets(registry: Registry, targets: readonly string[] | undefined): BlobRow[] {
  if (targets === undefined || targets.length === 0) return allBlobs(registry);
  const digests = new Set(targets.flatMap((target) => digestsOf(registry, target)));
  return [...digests].map((digest) => getBlob(registry, digest));
}

function allBlobs(registry: Registry): BlobRow[] {
  const rows: BlobRow[] = [];
  for (
    let page = registry.blobsAfter("", PAGE);
    page.length > 0;
    page = registry.blobsAfter(rows.at(-1)?.digest ?? "", PAGE)
  ) {
    rows.push(...page);
  }
  return rows;
}

function digestsOf(registry: Registry, target: string): Digest[] {
  if (LOOKS_LIKE_DIGEST.test(target)) return [parseDigest(target, "targets")];
  const ref = parseModelRef(target);
  const versions = ref.version === undefined
    ? registry.findModel(ref.model)?.versions.map(({ version }) => version)
    : [findVersion(registry, ref).version];
  if (versions === undefined) {
    throw new LarderError("MODEL_NOT_FOUND", `Cannot find model ${ref.model}`, {
      hint: "See `larder list`.",
    });
  }
  const rows = versions.flatMap((version) => registry.findVersion(ref.model, version) ?? []);
  return filesOf(rows, ref).map((file) => file.digest);
}

/** Of one variant only, where it is named. */
function filesOf(rows: readonly VersionRow[], { model, variant }: ModelRef): VersionFile[] {
  if (variant === undefined) return rows.flatMap(({ files }) => files);
  const files = rows.flatMap((row) => downloadedFiles(row, variant) ?? []);
  if (files.length > 0) return files;
  throw new LarderError("VARIANT_NOT_FOUND", `Cannot find variant ${variant} of ${model}`, {
    field: "targets",
    hint: `See \`larder show ${model}\`.`,
  });
}

function getBlob(registry: Registry, digest: Digest): BlobRow {
  const row = registry.findBlob(digest);
  if (row === undefined) {
    throw new LarderError("BLOB_MISSING", `Cannot find blob ${digest}`, {
      field: "targets",
      hint: "See `larder show`.",
    });
  }
  return row;
}
