import { type ErrorCode, LarderError } from "../core/index.ts";
import { statusError } from "../net/index.ts";
import { formatRepoName } from "./repo-name.ts";
import type { RepoName } from "./types.ts";

/** What a request was about, for its error. */
export interface Subject {
  readonly repo: RepoName;
  readonly revision: string;
  /** Absent when the repository itself was asked for. */
  readonly path?: string;
}

/** An answer that is not a success. */
export interface Refusal {
  readonly origin: string;
  readonly status: number;
  readonly headers: Headers;
  /** The beginning of the body. */
  readonly text: string;
  /** A token was sent along. */
  readonly withToken: boolean;
  /** The endpoint itself answered, not where it sent us to: a CDN's 401 says nothing of repositories. */
  readonly isEndpoint: boolean;
}

const DISABLED = "Access to this resource is disabled.";
const BAD_TOKEN = "Invalid credentials in Authorization header";
const BAD_REVISION = "Invalid rev id";

/**
 * What a refusal of the hub means. It names the case in `X-Error-Code`, and some cases only in words; a missing repository and
 * a private one look the same, and without a token it says no more than 401.
 *
 * @see huggingface_hub 1.29, `utils/_http.py` (`hf_raise_for_status`), in whose order the cases are told apart.
 * @returns HUB_GATED, HUB_TOKEN_INVALID, HUB_FILE_NOT_FOUND, REPO_NOT_FOUND, REPO_DISABLED, REVISION_NOT_FOUND, UPSTREAM_*.
 */
export function refusalError(refusal: Refusal, about: Subject, nowS: number): LarderError {
  const code = refusal.headers.get("x-error-code") ?? "";
  const says = (words: string) => (refusal.headers.get("x-error-message") ?? refusal.text).includes(words);
  const fail = (kind: ErrorCode, message: string, hint: string) =>
    new LarderError(kind, message, { hint, details: { origin: refusal.origin, status: refusal.status } });
  const name = formatRepoName(about.repo);

  if (code === "RevisionNotFound" || (refusal.status === 404 && says(BAD_REVISION))) {
    const message = `Cannot find revision ${JSON.stringify(about.revision)} of ${name}`;
    return fail("REVISION_NOT_FOUND", message, "Give a branch, a tag or a commit of this repository.");
  }
  if (code === "EntryNotFound") return fileNotFound(refusal, about);
  if (code === "GatedRepo") {
    return fail(
      "HUB_GATED",
      `Cannot read ${name}: its owner gives access on request only`,
      gatedHint(refusal),
    );
  }
  if (refusal.status === 403 && says(DISABLED)) {
    return fail("REPO_DISABLED", `Cannot read ${name}: the hub has disabled it`, "Use another repository.");
  }
  if (code === "RepoNotFound") return fail("REPO_NOT_FOUND", ...repoNotFound(name, refusal));
  if (!refusal.isEndpoint) return otherStatus(refusal, nowS);
  const isBadToken = refusal.status === 401 && (refusal.withToken || says(BAD_TOKEN));
  if (isBadToken) {
    const message = "Cannot ask the hub: it does not know the token that was given";
    return fail("HUB_TOKEN_INVALID", message, "Give a valid token (HF_TOKEN), or none.");
  }
  if (code === "RepoNotFound" || refusal.status === 401) {
    return fail("REPO_NOT_FOUND", ...repoNotFound(name, refusal));
  }
  if (refusal.status === 404) {
    return about.path === undefined
      ? fail("REPO_NOT_FOUND", ...repoNotFound(name, refusal))
      : fileNotFound(refusal, about);
  }
  return otherStatus(refusal, nowS);
}

/** For an answer that no hub gives: a log-in page, broken JSON, names that are none. */
export function hubAnswer(origin: string, what: string, cause?: unknown): LarderError {
  return new LarderError("HUB_ANSWER", `Cannot understand what ${origin} says: ${what}`, {
    hint: "Check that the endpoint is a hub, and that nothing between changes its answers.",
    details: { origin },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function fileNotFound(
  { origin, status }: Pick<Refusal, "origin" | "status">,
  about: Subject,
): LarderError {
  const message = `Cannot find ${JSON.stringify(about.path ?? "")} in ${formatRepoName(about.repo)}`;
  return new LarderError("HUB_FILE_NOT_FOUND", message, {
    hint: "Check the path and the revision.",
    details: { origin, status },
  });
}

function repoNotFound(name: string, { withToken }: Refusal): [string, string] {
  return [
    `Cannot find ${name} on the hub`,
    withToken
      ? "Check the name, and that the account of the token may read it."
      : "Check the name. If the repository is private, give a token (HF_TOKEN) of an account that may read it.",
  ];
}

/** A token that the hub does not know counts as none, but with 401 instead of 403. */
function gatedHint({ withToken, status }: Refusal): string {
  if (!withToken) return "Ask for access on its page, then give a token (HF_TOKEN) of that account.";
  if (status === 401) return "The hub does not know the token that was given: give a valid one (HF_TOKEN).";
  return "Ask for access on its page with the account of the token.";
}

function otherStatus({ origin, status, headers }: Refusal, nowS: number): LarderError {
  const { code, retryable, hint = "", retryAfterS } = statusError(status, withRetryAfter(headers), nowS);
  return new LarderError(code, `Cannot ask ${origin}: it answered ${status}`, {
    retryable,
    hint,
    details: { origin, status },
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}

/** The hub may name the time in `RateLimit: "api";r=0;t=55` only (draft-ietf-httpapi-ratelimit-headers: `t` is seconds). */
function withRetryAfter(headers: Headers): Headers {
  const seconds = /;\s*t=(\d{1,6})(?:;|,|\s|$)/.exec(headers.get("ratelimit") ?? "")?.[1];
  const copy = new Headers();
  const wait = headers.get("retry-after") ?? seconds;
  if (wait !== undefined) copy.set("retry-after", wait);
  return copy;
}
