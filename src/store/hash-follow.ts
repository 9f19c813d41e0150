import { CHUNK_BYTES, type Digest, LarderError, type Sha256 } from "../core/index.ts";
import type { FollowRequest, HashEvent, Taken } from "./hash-messages.ts";
import type { Reader } from "./hash-reader.ts";
import { HashState } from "./hash-state.ts";

/** Hashes a file behind its writer: as far as the front has come, then waits for it. Lives in a hash thread. */
export class FollowJob {
  readonly #state = new HashState();
  readonly #recorded: Map<number, Digest>;
  readonly #expected: ReadonlyMap<number, Digest>;
  #mark: Sha256 | undefined;
  #frontBytes = 0;
  #sizeBytes: number | undefined;
  /** The chunk that has to be written again before anything goes on. */
  #badChunk: number | undefined;
  #isCancelled = false;
  #wake = () => {};

  constructor(
    private readonly request: FollowRequest,
    private readonly reader: Reader,
    private readonly emit: (event: HashEvent) => void,
  ) {
    this.#recorded = new Map(request.recorded);
    this.#expected = new Map(request.expected);
  }

  advance(frontBytes: number): void {
    this.#frontBytes = Math.max(this.#frontBytes, frontBytes);
    this.#wake();
  }

  finish(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes;
    this.advance(sizeBytes);
  }

  chunkRewritten(index: number): void {
    if (this.#badChunk === index) this.#badChunk = undefined;
    this.#wake();
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#wake();
  }

  async run(): Promise<Taken> {
    while (!this.#isDone()) {
      this.#refuseEnd();
      if (this.#canRead()) this.#step();
      else if (this.#endsChunk()) this.#endChunk();
      else await new Promise<void>((resolve) => this.#wake = resolve);
      await this.reader.turn();
    }
    return { ...this.#state.finish(), sizeBytes: this.#state.positionBytes };
  }

  #isDone(): boolean {
    if (this.#sizeBytes !== this.#state.positionBytes) return false;
    return !this.#endsChunk();
  }

  #canRead(): boolean {
    return this.#badChunk === undefined && this.#state.chunkLeftBytes > 0 &&
      this.#frontBytes > this.#state.positionBytes;
  }

  #step(): void {
    const { positionBytes, chunkIndex, chunkLeftBytes } = this.#state;
    if (this.#mark === undefined && this.#wanted(chunkIndex) !== undefined) this.#mark = this.#state.mark();
    const bytes = this.reader.read(
      this.request.fd,
      positionBytes,
      Math.min(this.#frontBytes - positionBytes, chunkLeftBytes),
    );
    if (bytes.byteLength === 0) {
      throw new LarderError(
        "IO",
        `Cannot hash a part: it ends at ${positionBytes} bytes, before what was written`,
        {
          retryable: true,
          hint: "Start the pull again, and keep other programs out of the home.",
        },
      );
    }
    this.#state.update(bytes);
  }

  /** A chunk ends when it is full, and the last one where the file ends. */
  #endsChunk(): boolean {
    const { chunkLeftBytes, chunkIndex, positionBytes } = this.#state;
    if (chunkLeftBytes === 0) return true;
    return positionBytes === this.#sizeBytes && positionBytes > chunkIndex * CHUNK_BYTES;
  }

  #endChunk(): void {
    const index = this.#state.chunkIndex;
    const digest = this.#state.endChunk();
    const wanted = this.#wanted(index);
    // Written again, a chunk may be another one than what an earlier process saw.
    this.#recorded.delete(index);
    const mark = this.#mark;
    this.#mark = undefined;
    if (mark !== undefined && wanted !== digest) {
      this.#state.rewind(mark);
      this.#badChunk = index;
      this.emit({ type: "bad", id: this.request.id, index });
    } else {
      this.emit({ type: "chunk", id: this.request.id, index, digest });
    }
  }

  #wanted(index: number): Digest | undefined {
    return this.#expected.get(index) ?? this.#recorded.get(index);
  }

  #refuseEnd(): void {
    if (this.#sizeBytes !== undefined && this.#state.positionBytes > this.#sizeBytes) {
      throw new LarderError(
        "IO",
        `Cannot hash a part: more than its ${this.#sizeBytes} bytes were announced`,
      );
    }
    if (this.#isCancelled) throw new LarderError("CANCELLED", "Cannot finish the digest: it was cancelled");
  }
}
