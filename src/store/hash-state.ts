import { CHUNK_BYTES, type Digest, packDigests, Sha256 } from "../core/index.ts";

/**
 * The digests of bytes that come in order: of the whole, and of each chunk. The first chunk begins where the whole begins, so its
 * digest comes from the whole's state and costs nothing: a blob of one chunk is hashed once.
 */
export class HashState {
  #whole = new Sha256();
  #chunk: Sha256 | undefined;
  #positionBytes = 0;
  readonly #digests: Digest[] = [];

  get positionBytes(): number {
    return this.#positionBytes;
  }

  /** The chunk that the next byte belongs to. */
  get chunkIndex(): number {
    return this.#digests.length;
  }

  /** How many bytes the chunk that is being read still takes. */
  get chunkLeftBytes(): number {
    return (this.chunkIndex + 1) * CHUNK_BYTES - this.#positionBytes;
  }

  /** @param bytes At most {@link chunkLeftBytes}. */
  update(bytes: Uint8Array): void {
    this.#whole.update(bytes);
    this.#chunk?.update(bytes);
    this.#positionBytes += bytes.byteLength;
  }

  endChunk(): Digest {
    const digest = (this.#chunk ?? this.#whole.fork()).digest();
    this.#digests.push(digest);
    this.#chunk = new Sha256();
    return digest;
  }

  /** Where the current chunk began: {@link rewind} comes back to it. Call before its first byte. */
  mark(): Sha256 {
    return this.#whole.fork();
  }

  /** Forgets the chunk that was just ended. `mark` can be used once. */
  rewind(mark: Sha256): void {
    this.#digests.pop();
    this.#whole = mark;
    this.#chunk = this.#digests.length === 0 ? undefined : new Sha256();
    this.#positionBytes = this.#digests.length * CHUNK_BYTES;
  }

  /** Ends the last, shorter chunk too. */
  finish(): { readonly digest: Digest; readonly chunkDigests: Uint8Array } {
    return { digest: this.#whole.digest(), chunkDigests: packDigests(this.#digests) };
  }
}
