import { LarderError, LATEST, parseModelRef, parseVariant } from "../core/index.ts";
import type { PullRequest } from "../library/index.ts";
import { usage } from "./format.ts";

export interface HubPullOptions {
  readonly revision?: string;
  readonly variant?: string;
  /** Globs. */
  readonly files?: readonly string[];
  /** `none`, `smaller`, or variants joined by commas. */
  readonly fallback?: string;
  readonly offline?: boolean;
  readonly alias?: readonly string[];
}

/** A repository of the hub, or part of it, as the user names it. */
export interface HubReference {
  readonly model: string;
  /** Absent: what its owner's main branch has now. */
  readonly revision?: string;
  readonly variant?: string;
}

/**
 * A pull from the hub.
 *
 * @throws {LarderError} USAGE, BAD_* naming the argument.
 */
export function hubPullRequest(reference: string, options: HubPullOptions): PullRequest {
  const { files, fallback, offline, alias } = options;
  const { variant = options.variant, ...repository } = parseHubReference(reference, options.revision);
  if (options.variant !== undefined && variant !== options.variant) throw twice("variant", "--variant");
  if (files !== undefined && variant !== undefined) {
    throw usage("--files", files.join(" "), "either a variant or --files");
  }
  if (files !== undefined && fallback !== undefined) {
    throw usage("--fallback", fallback, "--fallback only with a variant, or with none");
  }
  return {
    ...repository,
    ...(variant === undefined ? {} : { variant: parseVariant(variant) }),
    ...(files === undefined ? {} : { patterns: files }),
    ...(fallback === undefined ? {} : { fallback: parseFallback(fallback) }),
    ...(offline ? { offline } : {}),
    ...(alias === undefined ? {} : { aliases: alias }),
  };
}

/**
 * Reads `model[@revision][:variant]`. A revision with slashes, such as `refs/pr/1`, comes beside it.
 *
 * @throws {LarderError} USAGE, BAD_REFERENCE, BAD_NAME
 */
export function parseHubReference(text: string, besides: string | undefined): HubReference {
  const [, typed] = /^[^@:]*@([^:]*)/.exec(text) ?? [];
  if (typed?.includes("/")) {
    throw new LarderError("USAGE", `Cannot use ${JSON.stringify(typed)} inside a reference: it has a slash`, {
      field: "reference",
      hint: `Give it beside the reference: --revision ${typed}`,
    });
  }
  const { model, version, variant } = parseModelRef(text);
  if (version !== undefined && besides !== undefined) throw twice("revision", "--revision");
  // What is newest at the hub is what its main branch has.
  const revision = besides ?? (version === LATEST ? undefined : version);
  return {
    model,
    ...(revision === undefined ? {} : { revision }),
    ...(variant === undefined ? {} : { variant }),
  };
}

function parseFallback(text: string): NonNullable<PullRequest["fallback"]> {
  if (text === "none" || text === "smaller") return text;
  const variants = text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  if (variants.length > 0) return variants.map(parseVariant);
  throw usage("--fallback", text, 'none, smaller, or variants such as "Q4_K_S,Q3_K_M"');
}

function twice(what: string, option: string): LarderError {
  return new LarderError(
    "USAGE",
    `Cannot tell which ${what} is meant: one is in the reference, one in ${option}`,
    {
      field: what,
      hint: "Give one of them.",
    },
  );
}
