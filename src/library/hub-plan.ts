import { LarderError, parseAlias, parseModelName, parseVariant } from "../core/index.ts";
import { parseRepoName, parseRevision } from "../hub/index.ts";
import type { PullPlan } from "./pull-plan.ts";
import type { PullRequest } from "./types.ts";

const PATTERNS_MAX = 100;
const PATTERN_LENGTH_MAX = 1024;
const FALLBACK_MAX = 64;
/** What the hub calls the branch that every repository has. */
export const DEFAULT_REVISION = "main";
const COMMIT = /^[0-9a-f]{40}$/;

/** What was asked of a hub, checked. Plain data: it is kept with the pull. */
export interface HubPull {
  /** A branch, a tag or a commit. */
  readonly revision: string;
  readonly variant?: string;
  readonly patterns?: readonly string[];
  readonly fallback: "none" | "smaller" | readonly string[];
  readonly offline: boolean;
}

/** @throws {LarderError} BAD_* naming the field */
export function planHubPull(request: PullRequest): PullPlan {
  const { variant, patterns, offline = false } = request;
  if (variant !== undefined && patterns !== undefined) {
    throw new LarderError("BAD_BODY", "Cannot pull a variant and a selection of files at once", {
      field: "files",
      hint: "Give either a variant or patterns of files.",
    });
  }
  const model = parseModelName(request.model);
  // A name that no hub has is found out before anything is asked.
  parseRepoName(model);
  return {
    model,
    variant: variant ?? "",
    aliases: (request.aliases ?? []).map(parseAlias),
    files: [],
    hub: {
      revision: parseRevision(request.revision ?? DEFAULT_REVISION),
      ...(variant === undefined ? {} : { variant: parseVariant(variant) }),
      ...(patterns === undefined ? {} : { patterns: checkPatterns(patterns) }),
      fallback: parseFallback(request),
      offline,
    },
  };
}

/** Files by their addresses have no hub to ask. @throws {LarderError} BAD_BODY */
export function refuseHubFields({ patterns, fallback, offline }: PullRequest): void {
  const given = Object.entries({ patterns, fallback, offline }).find(([, value]) => value !== undefined)?.[0];
  if (given === undefined) return;
  throw new LarderError("BAD_BODY", `Cannot use ${given} for files that come from addresses`, {
    field: given,
    hint: "It is for models of a hub: leave the addresses out.",
  });
}

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

function checkPatterns(patterns: readonly string[]): readonly string[] {
  const isUsable = patterns.length > 0 && patterns.length <= PATTERNS_MAX &&
    patterns.every((pattern) => pattern.length > 0 && pattern.length <= PATTERN_LENGTH_MAX);
  if (isUsable) return [...new Set(patterns)].sort();
  throw new LarderError("BAD_BODY", "Cannot use these patterns of files", {
    field: "files",
    hint: `Give 1 to ${PATTERNS_MAX} patterns of at most ${PATTERN_LENGTH_MAX} characters, such as "*.json".`,
  });
}

function parseFallback({ fallback, variant, patterns }: PullRequest): HubPull["fallback"] {
  if (patterns !== undefined) {
    if (fallback === undefined || fallback === "none") return "none";
    throw new LarderError("BAD_BODY", "Cannot fall back from a selection of files", {
      field: "fallback",
      hint: "Name a variant instead of files.",
    });
  }
  if (fallback === undefined) return variant === undefined ? "smaller" : "none";
  if (fallback === "none" || fallback === "smaller") return fallback;
  if (fallback.length <= FALLBACK_MAX) return fallback.map(parseVariant);
  throw new LarderError("TOO_MANY", `Cannot fall back over ${fallback.length} variants`, {
    field: "fallback",
    hint: `Give at most ${FALLBACK_MAX}.`,
  });
}
