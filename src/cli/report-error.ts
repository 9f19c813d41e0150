import { type ErrorCode, type ErrorRecord, isLarderError, logger } from "../core/index.ts";
import { EXIT, EXIT_OF } from "./exit-codes.ts";
import type { Output } from "./output.ts";

const RUN_AGAIN = "What was fetched stays: run the same command again to go on.";

const MIRROR = "a mirror (--mirror for an address, hub_mirrors for the hub)";

/** What to do next where the error itself does not say. */
const NEXT_STEP: Partial<Record<ErrorCode, string>> = {
  BLOB_DAMAGED: "Run `larder repair`.",
  BLOB_MISSING: "Run `larder repair`.",
  BUSY: "Try again in a moment.",
  DIGEST_MISMATCH: `Check the digest if you gave one, or try ${MIRROR}.`,
  DNS: `Check the address and the network. ${RUN_AGAIN}`,
  DOES_NOT_FIT_MEMORY:
    "Take a smaller variant (`larder scan` shows them), give --fallback smaller, or set memory_bytes.",
  HOME_LOCKED: "Wait for the other process, or give a longer --wait.",
  HUB_ANSWER: "Check that hub_endpoint is the address of a hub: `larder doctor` shows it.",
  HUB_FILE_NOT_FOUND: "Run `larder scan` with the name to see what there is.",
  HUB_GATED:
    "Ask for access on the page of the repository, then give a token: `larder token hub --set`, or HF_TOKEN.",
  HUB_TOKEN_INVALID: "Run `larder token hub` to see where the token comes from, and set a good one.",
  MODEL_NOT_FOUND: "Run `larder list` to see what is here.",
  NO_SPACE: `Free space, for example with \`larder gc\`. ${RUN_AGAIN}`,
  OFFLINE: "Go online: without --offline, LARDER_OFFLINE and HF_HUB_OFFLINE.",
  PULL_NOT_FOUND: "Run `larder pulls` to see them.",
  REPO_DISABLED: "Nobody but the hub can change that: take another repository.",
  REPO_NOT_FOUND:
    "Check the name. A private repository needs a token: `larder token hub --set`, or HF_TOKEN.",
  REVISION_NOT_FOUND: "Give a branch, a tag or a commit of the repository.",
  SIZE_MISMATCH: `Check the size if you gave one, or try ${MIRROR}.`,
  TOKEN_NOT_FOUND: "Run `larder token list` to see them.",
  UPSTREAM_NOT_FOUND: `Check the address, or try ${MIRROR}.`,
  UPSTREAM_STATUS: `Try later, or ${MIRROR}. ${RUN_AGAIN}`,
  UPSTREAM_TIMEOUT: `Try later, or ${MIRROR}. ${RUN_AGAIN}`,
  UPSTREAM_TRUNCATED: `Try later, or ${MIRROR}. ${RUN_AGAIN}`,
  UPSTREAM_UNREACHABLE: `Check the network, or try ${MIRROR}. ${RUN_AGAIN}`,
  VARIANT_NOT_FOUND: "Run `larder scan` to see what the hub has, `larder show` to see what is here.",
  VERSION_NOT_FOUND: "Run `larder show` with the model's name to see its versions.",
};

/** Shows a failure: one line and one hint on stderr, with `--json` also `{"error": …}` as the last line of stdout. */
export function reportError(output: Output, error: unknown): number {
  if (!isLarderError(error)) return reportBug(output, error);
  const record = withHint(error.toRecord());
  output.document({ error: record });
  output.note(record.message);
  if (record.hint !== undefined) output.note(record.hint);
  return EXIT_OF[record.code];
}

export function withHint(record: ErrorRecord): ErrorRecord {
  const hint = record.hint ?? NEXT_STEP[record.code];
  return hint === undefined ? record : { ...record, hint };
}

/** Nobody can act on it, so the stack goes to the log and the message stays short. */
function reportBug(output: Output, error: unknown): number {
  logger("cli").error("A bug: {stack}", { stack: error instanceof Error ? error.stack : String(error) });
  const message = "Cannot finish: an error inside larder";
  output.document({ error: { code: "INTERNAL", message, retryable: false } });
  output.note(message);
  return EXIT.failed;
}
