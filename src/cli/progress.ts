import { SingleBar } from "cli-progress";
import type { Clock } from "../core/index.ts";
import type { Output } from "./output.ts";
import { formatBar, formatProgress, type Progress } from "./progress-line.ts";
import type { TextStream } from "./text-stream.ts";

const LINE_EVERY_MS = 5_000;
const FRAMES_PER_S = 8;

export interface ProgressDisplay {
  /** @param document The same for programs. */
  show(progress: Progress, document: unknown): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

/** NDJSON with `--json`, a bar on a terminal, else a line now and then. */
export function openProgress(output: Output, clock: Clock): ProgressDisplay {
  if (output.json) return { show: (_, document) => output.document(document), end: () => {} };
  return withoutNothing(
    output.stderr.isTTY ? new TerminalBar(output.stderr) : new ProgressLines(output.stderr, clock),
  );
}

/** Before anything is known there is nothing to show. */
function withoutNothing(display: ProgressDisplay): ProgressDisplay {
  return {
    show: (progress, document) => {
      if (progress.bytesTotal !== null || progress.bytesDone > 0) display.show(progress, document);
    },
    end: () => display.end(),
  };
}

class TerminalBar implements ProgressDisplay {
  readonly #bar: SingleBar;
  #shown = false;

  constructor(stream: TextStream) {
    this.#bar = new SingleBar({
      format: (_options, _params, { progress }: { progress: Progress }) =>
        formatBar(progress, stream.columns),
      // It writes text, asks for isTTY and columns, and nothing else.
      stream: stream as unknown as NodeJS.WritableStream,
      fps: FRAMES_PER_S,
      hideCursor: null,
      linewrap: null,
      gracefulExit: false,
    });
  }

  show(progress: Progress): void {
    if (this.#shown) return this.#bar.update(progress.bytesDone, { progress });
    this.#shown = true;
    this.#bar.start(progress.bytesTotal ?? 0, progress.bytesDone, { progress });
  }

  end(): void {
    if (this.#shown) this.#bar.stop();
    this.#shown = false;
  }
}

class ProgressLines implements ProgressDisplay {
  readonly #stream: TextStream;
  readonly #clock: Clock;
  #lineAtMs = -Infinity;
  #waiting = "";
  #printed = "";

  constructor(stream: TextStream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  show(progress: Progress): void {
    this.#waiting = formatProgress(progress);
    if (this.#clock.monotonicMs() - this.#lineAtMs >= LINE_EVERY_MS) this.#print();
  }

  end(): void {
    this.#print();
  }

  #print(): void {
    if (this.#waiting === this.#printed) return;
    this.#lineAtMs = this.#clock.monotonicMs();
    this.#stream.write(`${this.#waiting}\n`);
    this.#printed = this.#waiting;
  }
}
