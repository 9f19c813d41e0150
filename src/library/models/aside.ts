/** Memory that is taken beside the cache for a while: the cache has so much less. */
export class Aside {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns Gives it back, once. */
  take(bytes: number): () => void {
    let taken = bytes;
    this.#bytes += bytes;
    return () => {
      this.#bytes -= taken;
      taken = 0;
    };
  }
}
