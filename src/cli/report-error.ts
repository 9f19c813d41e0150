import { type ErrorCode, type ErrorRecord, isLarderError, logger } from "../core/index.ts";
import { EXIT, EXIT_OF } from "./exit-codes.ts";
import type { Output } from "./output.ts";

const RUN_AGAIN = "What was fetched stays: run the same command again to go on.";

/** What to do next where the error itself does not say. */
const NEXT_STEP: Partial<Record<ErrorCode, string>> = {
  BLOB_DAMAGED: "Run `larder repair`.",
  BLOB_MISSING: "Run `larder repair`.",
  BUSY: "Try again in a moment.",
  DIGEST_MISMATCH: "Check the digest that was given, or try a mirror with --mirror.",
  DNS: `Check the address and the network. ${RUN_AGAIN}`,
  HOME_LOCKED: "Wait for the other process, or give a longer --wait.",
  MODEL_NOT_FOUND: "Run `larder list` to see what is here.",
  NO_SPACE: `Free space, for example with \`larder gc\`. ${RUN_AGAIN}`,
  PULL_NOT_FOUND: "Run `larder pulls` to see them.",
  SIZE_MISMATCH: "Check the size that was given, or try a mirror with --mirror.",
  TOKEN_NOT_FOUND: "Run `larder token list` to see them.",
  UPSTREAM_NOT_FOUND: "Check the address, or try a mirror with --mirror.",
  UPSTREAM_STATUS: `Try later, or a mirror with --mirror. ${RUN_AGAIN}`,
  UPSTREAM_TIMEOUT: `Try later, or a mirror with --mirror. ${RUN_AGAIN}`,
  UPSTREAM_TRUNCATED: `Try later, or a mirror with --mirror. ${RUN_AGAIN}`,
  UPSTREAM_UNREACHABLE: `Check the network, or try a mirror with --mirror. ${RUN_AGAIN}`,
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
