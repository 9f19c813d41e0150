import { ftruncateSync, writeSync } from "node:fs";
import { type Digest, type Events, redactAddress, unpackDigests } from "../core/index.ts";
import { encodeJournalHeader, encodeJournalRecord } from "../download/index.ts";
import type { BlobRow, Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";

/**
 * Takes damaged bytes out of use: the blob becomes the part of its own digest with a journal that lists the good chunks, so that
 * the ordinary resume fetches the others and nothing else.
 */
export class Quarantine {
  constructor(
    private readonly deps: {
      readonly registry: Pick<Registry, "setBlobState" | "sourcesOf">;
      readonly store: Pick<BlobStore, "quarantine" | "openPart">;
      readonly events: Events;
    },
  ) {}

  async takeOut(
    blob: BlobRow,
    found: { readonly state: "damaged" | "missing" | "intact"; readonly badChunks: readonly number[] },
  ): Promise<void> {
    const { registry, store, events } = this.deps;
    // The row first: after a crash in between, the bytes are still there and are found again.
    await registry.setBlobState(blob.digest, found.state === "missing" ? "missing" : "damaged");
    const key = await store.quarantine(blob.digest);
    if (key !== undefined) await this.#writeJournal(key, blob, new Set(found.badChunks));
    events.emit({ type: "damaged", digest: blob.digest, chunks: found.badChunks });
  }

  async #writeJournal(key: string, blob: BlobRow, bad: ReadonlySet<number>): Promise<void> {
    const part = await this.deps.store.openPart(key);
    try {
      ftruncateSync(part.journalFd, 0);
      writeSync(
        part.journalFd,
        encodeJournalHeader({ version: 1, totalBytes: blob.sizeBytes, mirror: this.#mirror(blob.digest) }),
      );
      for (const [index, digest] of unpackDigests(blob.chunkDigests ?? new Uint8Array()).entries()) {
        if (!bad.has(index)) writeSync(part.journalFd, encodeJournalRecord(index, digest));
      }
    } finally {
      await part.close();
    }
  }

  #mirror(digest: Digest): string {
    const source = this.deps.registry.sourcesOf(digest).find(({ kind }) => kind === "url");
    return redactAddress(source?.location ?? "");
  }
}
