import type { FromRunner } from "./messages.ts";
import { Busy } from "./busy.ts";
import type { Link, LinkEvents } from "./link.ts";

/** An id that no call has: of the farewell to a thread that is abandoned. */
const FAREWELL = 0;

/**
 * A runner in a thread of this process.
 *
 * A thread that is terminated while native code runs in it aborts the process, so an abandoned one is left alone until
 * that code returns; it then disposes of its model and is terminated. One that hangs in JavaScript is terminated at once.
 *
 * @param start Starts the thread.
 * @param busy What the thread counts its native calls with.
 */
export function openThreadLink(start: () => Worker, busy: Busy, events: LinkEvents): Link {
  const worker = start();
  let isOver = false;
  const end = (what: string) => {
    if (isOver) return;
    isOver = true;
    worker.unref();
    events.ended({ what });
  };
  worker.unref();
  worker.onmessage = ({ data }: MessageEvent<FromRunner>) => events.message(data);
  worker.onerror = (event) => end(`thread failed: ${reasonIn(event.message)}`);
  worker.addEventListener("close", (event) => end(`thread ended with exit code ${codeOf(event)}`));
  return {
    post: (message, move = []) => worker.postMessage(message, [...move]),
    hold: (isWaiting) => (isWaiting ? worker.ref() : worker.unref()),
    end: () => {
      isOver = true;
      worker.terminate();
      return Promise.resolve();
    },
    abandon: () => {
      if (isOver) return;
      isOver = true;
      worker.unref();
      if (!busy.isBusy) return void worker.terminate();
      worker.onmessage = ({ data }: MessageEvent<FromRunner>) => {
        if ("id" in data && data.id === FAREWELL) worker.terminate();
      };
      worker.postMessage({ id: FAREWELL, order: { kind: "dispose" } });
    },
  };
}

/** The message may show the source around the failure. */
function reasonIn(message: string): string {
  return /^\w*error: .*$/im.exec(message)?.[0] ?? message.trimEnd();
}

function codeOf(event: Event): unknown {
  return "code" in event ? event.code : "unknown";
}
