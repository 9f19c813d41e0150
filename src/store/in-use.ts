/** Names in use, counted. A watcher also remembers what was in use for a moment only. */
export class InUse {
  readonly #counts = new Map<string, number>();
  readonly #watchers = new Set<Set<string>>();

  /** Returns the function that ends this use; calling it again does nothing. */
  take(name: string): () => void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    for (const seen of this.#watchers) seen.add(name);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (this.#counts.get(name) ?? 1) - 1;
      if (left === 0) this.#counts.delete(name);
      else this.#counts.set(name, left);
    };
  }

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  /** From now until `stop`, `touched` tells what is, or was for a moment, in use. */
  watch(): { touched(name: string): boolean; stop(): void } {
    const seen = new Set(this.#counts.keys());
    this.#watchers.add(seen);
    return { touched: (name) => seen.has(name), stop: () => this.#watchers.delete(seen) };
  }
}
