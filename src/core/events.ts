/** What the library tells whoever listens. The single machine uses {@link LocalEvents}; many instances share a broker. */
export type LarderEvent =
  | { readonly type: "pull"; readonly pullId: string }
  | { readonly type: "job"; readonly jobId: string }
  | { readonly type: "version"; readonly model: string; readonly version: string }
  | {
    readonly type: "variant";
    readonly model: string;
    readonly version: string;
    readonly variant: string;
    readonly status: "available" | "downloading" | "downloaded" | "failed";
  }
  | { readonly type: "removed"; readonly model: string; readonly version?: string }
  | { readonly type: "alias"; readonly model: string; readonly alias: string }
  | { readonly type: "damaged"; readonly digest: string; readonly chunks: readonly number[] }
  | { readonly type: "repaired"; readonly digest: string };

export interface Events {
  emit(event: LarderEvent): void;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: LarderEvent) => void): () => void;
}

export class LocalEvents implements Events {
  readonly #listeners = new Set<(event: LarderEvent) => void>();

  emit(event: LarderEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: LarderEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
