import { MultiBar, type SingleBar } from "cli-progress";
import type { Clock } from "../core/index.ts";
import type { Output } from "./output.ts";
import { formatBars, formatProgress, type ProgressRows } from "./progress-line.ts";
import type { TextStream } from "./text-stream.ts";

const LINE_EVERY_MS = 5_000;
const FRAMES_PER_S = 8;

export interface ProgressDisplay {
  /** @param document The same for programs. */
  show(rows: ProgressRows, document: unknown): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

/** NDJSON with `--json`, bars on a terminal, else a line of the whole now and then. */
export function openProgress(output: Output, clock: Clock): ProgressDisplay {
  if (output.json) return { show: (_, document) => output.document(document), end: () => {} };
  return withoutNothing(
    output.stderr.isTTY ? new TerminalBars(output.stderr) : new ProgressLines(output.stderr, clock),
  );
}

/** Before anything is known there is nothing to show. */
function withoutNothing(display: ProgressDisplay): ProgressDisplay {
  return {
    show: (rows, document) => {
      const [{ bytesDone, bytesTotal }] = rows;
      if (bytesTotal !== null || bytesDone > 0) display.show(rows, document);
    },
    end: () => display.end(),
  };
}

/** Lines of the terminal that are drawn again in place. A line that is not needed any more stays empty until the end. */
class TerminalBars implements ProgressDisplay {
  readonly #stream: TextStream;
  readonly #bars: MultiBar;
  readonly #slots: SingleBar[] = [];
  #lines: readonly string[] = [];

  constructor(stream: TextStream) {
    this.#stream = stream;
    this.#bars = new MultiBar({
      format: (_options, _params, { line }: { line: string }) => line,
      // It writes text, asks for isTTY and columns, and nothing else.
      stream: stream as unknown as NodeJS.WritableStream,
      fps: FRAMES_PER_S,
      hideCursor: null,
      linewrap: null,
      clearOnComplete: true,
      gracefulExit: false,
    });
  }

  show(rows: ProgressRows): void {
    // Lines above the top of the screen could not be drawn again.
    this.#lines = formatBars(rows.slice(0, Math.max(1, this.#stream.rows - 1)), this.#stream.columns);
    const isFirst = this.#slots.length === 0;
    while (this.#slots.length < this.#lines.length) this.#slots.push(this.#bars.create(1, 0, { line: "" }));
    for (const [at, slot] of this.#slots.entries()) slot.update(0, { line: this.#lines[at] ?? "" });
    if (isFirst) this.#bars.update();
  }

  end(): void {
    if (this.#slots.length === 0) return;
    this.#bars.stop();
    this.#stream.write(`${this.#lines.join("\n")}\n`);
    this.#slots.length = 0;
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

  show([whole]: ProgressRows): void {
    this.#waiting = formatProgress(whole);
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
