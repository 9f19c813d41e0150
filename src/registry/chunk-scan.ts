import { type Digest, DIGEST_BYTES, digestToBytes } from "../core/index.ts";
import type { ChunkMatch } from "./types.ts";
import type { WriteConnection } from "./write-ops.ts";

/** Blobs read at a time; between two pages other work of the thread goes on. */
const PAGE_BLOBS = 64;

interface ChunkTable {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly chunkDigests: Uint8Array;
}

/** Walks the chunk tables of all intact blobs until each wanted chunk is found once or the blobs end. */
export async function scanChunks(db: WriteConnection, wanted: readonly Digest[]): Promise<ChunkMatch[]> {
  const search = new ChunkSearch(wanted);
  let after = "";
  while (search.isOpen()) {
    const page = db.all<ChunkTable>("chunksAfter", after, PAGE_BLOBS);
    for (const table of page) search.look(table);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.digest;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return search.matches;
}

interface Wanted {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** Finds digests in packed tables by their first four bytes, then compares the rest. */
class ChunkSearch {
  readonly matches: ChunkMatch[] = [];
  readonly #open = new Map<number, Wanted[]>();

  constructor(wanted: readonly Digest[]) {
    for (const digest of new Set(wanted)) {
      const bytes = digestToBytes(digest);
      const prefix = prefixAt(Buffer.from(bytes.buffer), 0);
      this.#open.set(prefix, [...this.#open.get(prefix) ?? [], { digest, bytes }]);
    }
  }

  isOpen(): boolean {
    return this.#open.size > 0;
  }

  look({ digest, sizeBytes, chunkDigests }: ChunkTable): void {
    const table = Buffer.from(chunkDigests.buffer, chunkDigests.byteOffset, chunkDigests.byteLength);
    for (let at = 0; at + DIGEST_BYTES <= table.length; at += DIGEST_BYTES) {
      const prefix = prefixAt(table, at);
      const candidates = this.#open.get(prefix);
      const found = candidates?.find(({ bytes }) =>
        table.compare(bytes, 0, DIGEST_BYTES, at, at + DIGEST_BYTES) === 0
      );
      if (found === undefined) continue;
      this.matches.push({
        wanted: found.digest,
        blob: digest,
        blobSizeBytes: sizeBytes,
        index: at / DIGEST_BYTES,
      });
      this.#close(prefix, found);
    }
  }

  #close(prefix: number, found: Wanted): void {
    const rest = this.#open.get(prefix)?.filter((one) => one !== found) ?? [];
    if (rest.length === 0) this.#open.delete(prefix);
    else this.#open.set(prefix, rest);
  }
}

function prefixAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at);
}
