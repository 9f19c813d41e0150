import { LarderError } from "../core/index.ts";
import type { PullView } from "../library/index.ts";
import type { VerbContext } from "./cli-types.ts";
import { exitOfSignal } from "./exit-codes.ts";
import { formatBytes, formatDuration, plural } from "./format.ts";
import { openProgress } from "./progress.ts";
import { progressOfPull } from "./progress-line.ts";
import { ownerGone } from "./remote-request.ts";
import { withHint } from "./report-error.ts";
import type { Session } from "./session.ts";
import { printable } from "./table.ts";

const AGAIN = "run the same command again";

/**
 * Shows a pull until it ends.
 *
 * @returns The exit code: 0, or that of the signal which ended the watching.
 * @throws {LarderError} Why the pull failed; CANCELLED when somebody cancelled or paused it.
 */
export async function followPull(context: VerbContext, session: Session, pull: PullView): Promise<number> {
  const last = await watch(context, session, pull);
  if (context.signal.aborted && !isFinal(last)) return await leave(context, session, last);
  return conclude(context, last);
}

function isFinal(pull: PullView): boolean {
  return pull.state !== "queued" && pull.state !== "running";
}

async function watch(context: VerbContext, { api }: Session, pull: PullView): Promise<PullView> {
  const display = openProgress(context.output, context.clock);
  let last = pull;
  try {
    for await (const view of api.watchPull(pull.id, context.signal)) {
      last = view;
      display.show(progressOfPull(view), view);
    }
  } catch (error) {
    // The signal ends the stream by an error; what is to be done then is the caller's.
    if (!context.signal.aborted) throw error;
  } finally {
    display.end();
  }
  return last;
}

/** Ctrl-C: our own transfer is paused; one that a server does goes on there. */
async function leave(context: VerbContext, { api, owned }: Session, pull: PullView): Promise<number> {
  const { output, signal } = context;
  if (owned) {
    const paused = await api.pausePull(pull.id);
    output.document(paused);
    output.note(`Paused; ${formatBytes(paused.bytes_done)} of ${nameOf(pull)} are kept.`);
    output.note(`To go on, ${AGAIN} or \`larder pulls resume ${pull.id}\`.`);
  } else {
    output.note(`The running larder goes on with pull ${pull.id}.`);
    output.note(
      `To watch it again: \`larder pulls watch ${pull.id}\`; to stop it: \`larder pulls cancel ${pull.id}\`.`,
    );
  }
  return exitOfSignal(signal.reason);
}

function conclude({ output }: VerbContext, pull: PullView): number {
  if (!isFinal(pull)) throw ownerGone();
  if (pull.state === "failed") {
    for (const line of skippedLines(pull)) output.note(line);
    throw failureOf(pull);
  }
  if (pull.state === "cancelled") {
    throw new LarderError("CANCELLED", `Cannot finish ${nameOf(pull)}: the pull was cancelled`);
  }
  if (pull.state === "paused") {
    throw new LarderError("CANCELLED", `Cannot finish ${nameOf(pull)}: the pull was paused`, {
      hint: `To go on, ${AGAIN} or \`larder pulls resume ${pull.id}\`.`,
    });
  }
  output.lines([summary(pull), ...skippedLines(pull).map(printable)]);
  return 0;
}

function failureOf(pull: PullView): LarderError {
  if (pull.error) return LarderError.fromRecord(withHint(pull.error));
  return new LarderError("IO", `Cannot finish ${nameOf(pull)}: no reason is known`);
}

/** Why it is not the variant that was asked for. */
export function skippedLines({ skipped }: PullView): string[] {
  return skipped.map(({ variant, error }) => `Not ${variant}: ${error.message} (${error.code})`);
}

function summary(pull: PullView): string {
  const fetched = pull.files.reduce((sum, file) => sum + file.bytes_fetched, 0);
  const tookS = (pull.finished_at ?? pull.created_at) - pull.created_at;
  const how = fetched === 0
    ? "nothing to fetch"
    : `${formatBytes(fetched)} fetched in ${formatDuration(tookS)}`;
  return `${nameOf(pull)}  ${plural(pull.files.length, "file")}, ${formatBytes(pull.bytes_done)}, ${how}`;
}

function nameOf({ model, version, variant }: PullView): string {
  const name = version === null ? model : `${model}@${version}`;
  return variant === "" || variant === "default" ? name : `${name}:${variant}`;
}
