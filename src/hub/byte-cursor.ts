/** The bytes at hand end before what is to be read. */
export class MoreNeededError extends Error {
  /** @param bytes How many from the beginning on would do for now. */
  constructor(readonly bytes: number) {
    super();
  }
}

/** What is to be read cannot be there. */
export class MalformedError extends Error {}

/** Reads numbers one after the other, and never beyond the bytes it has. */
export class ByteCursor {
  position = 0;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder();

  /** @param fileBytes Length of the whole file: what lies beyond it is malformed and not worth fetching more. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly fileBytes: number,
    private readonly isLittleEndian: boolean,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), this.isLittleEndian);
  }

  /** Numbers that a double cannot hold exactly are no lengths or counts of anything. */
  uint64(): number {
    const start = this.skip(8);
    const [low, high] = this.isLittleEndian ? [start, start + 4] : [start + 4, start];
    const value = this.#view.getUint32(high, this.isLittleEndian) * 2 ** 32 +
      this.#view.getUint32(low, this.isLittleEndian);
    if (!Number.isSafeInteger(value)) throw new MalformedError();
    return value;
  }

  text(length: number): string {
    const start = this.skip(length);
    return this.#decoder.decode(this.bytes.subarray(start, start + length));
  }

  /** Gives the position before. */
  skip(length: number): number {
    const start = this.position;
    const end = start + length;
    if (end > this.fileBytes) throw new MalformedError();
    if (end > this.bytes.byteLength) throw new MoreNeededError(end);
    this.position = end;
    return start;
  }
}
