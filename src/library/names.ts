import { BEST, LarderError, LATEST, type ModelRef } from "../core/index.ts";
import type { Registry, VersionRow } from "../registry/index.ts";

/** A reference to the version that it stands for now. @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND */
export function findVersion(registry: Registry, ref: ModelRef): VersionRow {
  const version = resolveVersion(registry, ref.model, ref.version ?? LATEST);
  const row = registry.findVersion(ref.model, version);
  if (row === undefined) throw versionNotFound(ref.model, version);
  if (ref.variant !== undefined && !row.variants.some(({ name }) => name === ref.variant)) {
    throw new LarderError(
      "VARIANT_NOT_FOUND",
      `Cannot find variant ${ref.variant} of ${ref.model}@${version}`,
      {
        field: "variant",
        hint: `There are: ${row.variants.map(({ name }) => name).join(", ")}.`,
      },
    );
  }
  return row;
}

/** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND */
export function resolveVersion(registry: Registry, model: string, versionOrAlias: string): string {
  const version = registry.resolveVersion(model, versionOrAlias);
  if (version !== undefined) return version;
  if (!registry.hasModel(model)) {
    throw new LarderError("MODEL_NOT_FOUND", `Cannot find model ${model}`, {
      field: "model",
      hint: "See `larder list` for what is there, or pull it.",
    });
  }
  throw versionNotFound(model, versionOrAlias);
}

function versionNotFound(model: string, version: string): LarderError {
  return new LarderError("VERSION_NOT_FOUND", `Cannot find version or alias ${version} of ${model}`, {
    field: "version",
    hint: version === BEST
      ? "None of its versions has the metric to choose by: give one with `larder import --metric f1=0.97`."
      : `See \`larder show ${model}\` for its versions and aliases.`,
  });
}
