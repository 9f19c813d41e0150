import { type ByteRange, CHUNK_BYTES, chunkCount, chunkRange } from "../core/index.ts";

/** Which bytes of a file of known length are there, which are being fetched, and which come next. */
export class ChunkMap {
  readonly #done: Uint8Array;
  /** Bytes at the start of a chunk that are written already. */
  readonly #partial = new Map<number, number>();
  readonly #claimed = new Set<number>();
  #doneBytes = 0;
  #front = 0;

  constructor(readonly totalBytes: number) {
    this.#done = new Uint8Array(chunkCount(totalBytes));
  }

  get complete(): boolean {
    return this.#front === this.#done.length;
  }

  /** All bytes before this offset are written: of whole chunks and of the one that is growing. */
  get frontBytes(): number {
    if (this.complete) return this.totalBytes;
    return this.#front * CHUNK_BYTES + (this.#partial.get(this.#front) ?? 0);
  }

  get doneBytes(): number {
    let partialBytes = 0;
    for (const bytes of this.#partial.values()) partialBytes += bytes;
    return this.#doneBytes + partialBytes;
  }

  isDone(index: number): boolean {
    return this.#done[index] === 1;
  }

  /** Bytes that nobody has and nobody fetches. */
  get unclaimedBytes(): number {
    let bytes = 0;
    for (let index = this.#front; index < this.#done.length; index++) {
      if (this.#isFree(index)) bytes += this.#missing(index).end - this.#missing(index).start;
    }
    return bytes;
  }

  markDone(index: number): void {
    if (index >= this.#done.length || this.isDone(index)) return;
    const { start, end } = chunkRange(index, this.totalBytes);
    this.#done[index] = 1;
    this.#doneBytes += end - start;
    this.#partial.delete(index);
    while (this.#done[this.#front] === 1) this.#front++;
  }

  /** Notes the start of a chunk that an earlier run wrote. */
  markBegun(index: number, writtenBytes: number): void {
    const { start, end } = chunkRange(index, this.totalBytes);
    if (index < this.#done.length && !this.isDone(index) && writtenBytes < end - start) {
      this.#partial.set(index, writtenBytes);
    }
  }

  /** Takes a chunk back: its bytes are not what they should be. */
  markMissing(index: number): void {
    if (!this.isDone(index)) return;
    const { start, end } = chunkRange(index, this.totalBytes);
    this.#done[index] = 0;
    this.#doneBytes -= end - start;
    this.#partial.delete(index);
    this.#front = Math.min(this.#front, index);
  }

  /**
   * Notes bytes that were written in order inside a claimed range.
   *
   * @returns Indexes of the chunks that this completed.
   */
  advance(start: number, end: number): number[] {
    const completed: number[] = [];
    for (let index = Math.floor(start / CHUNK_BYTES); index * CHUNK_BYTES < end; index++) {
      if (this.isDone(index)) continue;
      const chunk = chunkRange(index, this.totalBytes);
      if (end < chunk.end) this.#partial.set(index, end - chunk.start);
      else {
        this.markDone(index);
        completed.push(index);
      }
    }
    return completed;
  }

  /**
   * Claims the first missing bytes, over neighbouring chunks up to `maxBytes` (at least one chunk's rest).
   * Give the claim back by {@link release}.
   */
  claim(maxBytes: number): ByteRange | undefined {
    let index = this.#front;
    while (index < this.#done.length && !this.#isFree(index)) index++;
    if (index === this.#done.length) return undefined;
    const { start } = this.#missing(index);
    let end = start;
    while (index < this.#done.length && this.#isFree(index)) {
      const missing = this.#missing(index);
      const joins = missing.start === end;
      if (!joins || (end > start && missing.end - start > maxBytes)) break;
      end = missing.end;
      this.#claimed.add(index++);
    }
    return { start, end };
  }

  /** Claims all chunks that a range touches; what lies beyond the end of the file is ignored. */
  hold(range: ByteRange): void {
    for (const index of this.#touched(range)) this.#claimed.add(index);
  }

  release(range: ByteRange): void {
    for (const index of this.#touched(range)) this.#claimed.delete(index);
  }

  *#touched({ start, end }: ByteRange): Generator<number> {
    const endByte = Math.min(end, this.totalBytes);
    for (let index = Math.floor(start / CHUNK_BYTES); index * CHUNK_BYTES < endByte; index++) yield index;
  }

  #isFree(index: number): boolean {
    return !this.isDone(index) && !this.#claimed.has(index);
  }

  #missing(index: number): ByteRange {
    const { start, end } = chunkRange(index, this.totalBytes);
    return { start: start + (this.#partial.get(index) ?? 0), end };
  }
}
