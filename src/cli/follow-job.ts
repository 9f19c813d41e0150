import { type Clock, LarderError } from "../core/index.ts";
import type { JobView } from "../library/index.ts";
import type { VerbContext } from "./cli-types.ts";
import { openProgress } from "./progress.ts";
import type { Progress } from "./progress-line.ts";
import { ownerGone } from "./remote-request.ts";
import { withHint } from "./report-error.ts";
import type { Session } from "./session.ts";

/**
 * Shows a job until it ends; the first signal cancels it.
 *
 * @throws {LarderError} Why it failed; CANCELLED.
 */
export async function followJob(context: VerbContext, session: Session, job: JobView): Promise<JobView> {
  const last = await watch(context, session, job);
  if (last.state === "failed" && last.error) throw LarderError.fromRecord(withHint(last.error));
  if (last.state === "done") return last;
  if (last.state === "running" && !context.signal.aborted) throw ownerGone();
  throw new LarderError("CANCELLED", `Cannot finish ${job.kind}: it was cancelled`);
}

async function watch(context: VerbContext, { api }: Session, job: JobView): Promise<JobView> {
  const { clock, output, signal } = context;
  const display = openProgress(output, clock);
  const meter = progressMeter(clock);
  let last = job;
  try {
    for await (const view of api.watchJob(job.id, signal)) {
      last = view;
      display.show([meter(view)], view);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    display.end();
  }
  return signal.aborted && last.state === "running" ? await api.cancelJob(job.id) : last;
}

/** A job does not say its rate: the mean since we began to watch is good enough. */
function progressMeter(clock: Clock): (job: JobView) => Progress {
  const startMs = clock.monotonicMs();
  let startBytes: number | undefined;
  return (job) => {
    startBytes ??= job.bytes_done;
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    const rate = seconds > 0.5 && job.state === "running" ? (job.bytes_done - startBytes) / seconds : null;
    return {
      name: job.kind,
      bytesDone: job.bytes_done,
      bytesTotal: job.bytes_total,
      rateBytesPerS: rate,
      etaS: rate && job.bytes_total !== null ? (job.bytes_total - job.bytes_done) / rate : null,
    };
  };
}
