/** Passes text on until one of the stop texts comes; what may be the beginning of one waits. */
export class StopFilter {
  #held = "";
  #hasStopped = false;

  /** @param emit Called with text that is no part of a stop text, never with nothing. */
  constructor(private readonly stops: readonly string[], private readonly emit: (text: string) => void) {}

  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** @returns Whether a stop text has come; what is after it is dropped. */
  push(text: string): boolean {
    const all = this.#held + text;
    const found = this.stops.filter((stop) => stop !== "").map((stop) => all.indexOf(stop)).filter((at) =>
      at >= 0
    );
    this.#hasStopped ||= found.length > 0;
    const end = found.length > 0 ? Math.min(...found) : all.length - this.#waiting(all);
    this.#held = this.#hasStopped ? "" : all.slice(end);
    if (end > 0) this.emit(all.slice(0, end));
    return this.#hasStopped;
  }

  /** No text comes any more. */
  end(): void {
    if (this.#held !== "") this.emit(this.#held);
    this.#held = "";
  }

  /** The length of the longest end of the text that a stop text begins with. */
  #waiting(text: string): number {
    const longest = Math.max(0, ...this.stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(-length);
      if (this.stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}
