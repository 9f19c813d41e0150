import { LarderError, parseModelRef, parseVariant, parseVersionOrAlias } from "../../core/index.ts";
import type { ModelTarget } from "../../library/index.ts";

/** What is given beside a model; either may be part of its reference instead. */
export interface GivenBeside {
  readonly version?: string | undefined;
  readonly variant?: string | undefined;
}

/**
 * @param reference `iris`, or with its parts: `iris@1.2.0:q4`.
 * @throws {LarderError} BAD_NAME; BAD_REFERENCE: a version or a variant is given twice.
 */
export function modelTarget(reference: string, { version, variant }: GivenBeside = {}): ModelTarget {
  const target = parseModelRef(reference);
  if (version === undefined && variant === undefined) return target;
  if (version !== undefined && target.version !== undefined) throw givenTwice("version");
  if (variant !== undefined && target.variant !== undefined) throw givenTwice("variant");
  return {
    ...target,
    ...(version === undefined ? {} : { version: parseVersionOrAlias(version) }),
    ...(variant === undefined ? {} : { variant: parseVariant(variant) }),
  };
}

function givenTwice(field: "version" | "variant"): LarderError {
  return new LarderError(
    "BAD_REFERENCE",
    `Cannot use two ${field}s: one is part of the model, one stands beside it`,
    {
      field,
    },
  );
}
