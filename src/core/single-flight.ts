/** Runs one piece of work per key at a time; whoever asks for the same key meanwhile shares its outcome. */
export class SingleFlight<K, V> {
  readonly #running = new Map<K, Promise<V>>();

  /** The work belongs to nobody: one caller leaving does not end it for the others. */
  run(key: K, work: () => Promise<V>): Promise<V> {
    const shared = this.#running.get(key);
    if (shared) return shared;
    const mine = work().finally(() => this.#running.delete(key));
    this.#running.set(key, mine);
    return mine;
  }

  has(key: K): boolean {
    return this.#running.has(key);
  }
}
