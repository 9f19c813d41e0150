import { printable } from "./table.ts";
import type { TextStream } from "./text-stream.ts";

const STDERR_FLUSH_MS = 500;

/**
 * The verb's voice. With `json`, stdout holds one JSON document per line and nothing else: progress lines first where a verb
 * has them, the result or `{"error": …}` last. Without it, stdout holds the result as text. Notes, bars and errors for
 * people go to stderr in both.
 */
export class Output {
  constructor(
    readonly stdout: TextStream,
    readonly stderr: TextStream,
    readonly json: boolean,
  ) {}

  /** Lines of the result, for people. */
  lines(texts: readonly string[]): void {
    if (!this.json && texts.length > 0) this.stdout.write(`${texts.join("\n")}\n`);
  }

  line(text: string): void {
    this.lines([text]);
  }

  /** A document of the result, for programs. */
  document(value: unknown): void {
    if (this.json) this.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Something to know beside the result. */
  note(text: string): void {
    this.stderr.write(`larder: ${printable(text)}\n`);
  }

  /** True when a bar may be drawn and a question be asked. */
  get interactive(): boolean {
    return !this.json && this.stderr.isTTY;
  }

  /** Waits until both streams have taken everything; the reader of logs may have stopped reading, so that one not for ever. */
  async flush(): Promise<void> {
    await Promise.all([this.stdout.drained(), this.stderr.drained(STDERR_FLUSH_MS)]);
  }
}
