/** The part of a stream of the process that is used here; a test gives its own. */
export interface RawStream {
  write(text: string, done: (error?: Error | null) => void): unknown;
  on?(event: "error", listener: (error: Error) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * Text to a stream of the process. A pipe that is closed or a disk that is full loses text and nothing else. It counts what
 * the stream has not taken yet: `process.exit()` would lose that, and `writableLength` says 0 all the time.
 */
export class TextStream {
  readonly #raw: RawStream;
  #pendingBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(raw: RawStream) {
    this.#raw = raw;
    // Without a listener EPIPE and ENOSPC would end the process.
    raw.on?.("error", () => {});
  }

  get isTTY(): boolean {
    return this.#raw.isTTY === true;
  }

  /** Columns of the terminal. */
  get columns(): number {
    return this.#raw.columns || 80;
  }

  /** Lines of the terminal. */
  get rows(): number {
    return this.#raw.rows || 24;
  }

  /** What the reader has not taken yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  write(text: string): void {
    if (text === "") return;
    this.#pendingBytes += text.length;
    this.#raw.write(text, () => {
      this.#pendingBytes -= text.length;
      if (this.#pendingBytes > 0) return;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /** Resolves when everything is written or lost. @param limitMs Waits no longer than this; absent waits for the reader. */
  drained(limitMs?: number): Promise<void> {
    if (this.#pendingBytes === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (limitMs !== undefined) setTimeout(resolve, limitMs);
    });
  }
}
