import type { ByteReader } from "./byte-reader.ts";
import { broken } from "./fault.ts";

/** After a jump little is read, as another jump is likely; the longer it goes straight on, the more at once. */
const STEP_BYTES_MIN = 4 * 1024;
const STEP_BYTES_MAX = 256 * 1024;
const STEP_GROWTH = 4;

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a file from front to back through a window, so that memory does not grow with the file. Reading is synchronous within the
 * window; before it, the caller sees to it that enough is there:
 *
 * ```ts
 * if (!cursor.isReady(8)) await cursor.load(8);
 * const length = cursor.size64("length of the name");
 * ```
 *
 * All numbers are little-endian. @throws {LarderError} MODEL_BROKEN from what would read beyond the end.
 */
export class Cursor {
  #window: Uint8Array = new Uint8Array();
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Where in the file the window begins. */
  #start = 0;
  /** Where in the window the next byte lies; beyond it after a long skip. */
  #at = 0;
  #stepBytes = STEP_BYTES_MIN;

  /** @param end Where reading ends, at most at the end of the file. */
  constructor(
    readonly reader: ByteReader,
    private readonly signal: AbortSignal | undefined,
    readonly end: number = reader.sizeBytes,
  ) {}

  get position(): number {
    return this.#start + this.#at;
  }

  /** Bytes from here to the end. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** True when the next `length` bytes are at hand, or all that are left. */
  isReady(length: number): boolean {
    const loaded = this.#window.byteLength - this.#at;
    return loaded >= length || loaded >= this.remaining;
  }

  /** @throws The reason of the signal, when it has aborted. */
  async load(length: number): Promise<void> {
    this.signal?.throwIfAborted();
    const position = this.position;
    const isJump = this.#at > this.#window.byteLength;
    this.#stepBytes = isJump ? STEP_BYTES_MIN : Math.min(this.#stepBytes * STEP_GROWTH, STEP_BYTES_MAX);
    const window = await this.reader.read(
      position,
      Math.min(Math.max(length, this.#stepBytes), this.remaining),
    );
    this.#window = window;
    this.#view = new DataView(window.buffer, window.byteOffset, window.byteLength);
    this.#start = position;
    this.#at = 0;
  }

  uint8(what: string): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  uint16(what: string): number {
    return this.#view.getUint16(this.#take(2, what), true);
  }

  uint32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  uint64(what: string): bigint {
    return this.#view.getBigUint64(this.#take(8, what), true);
  }

  /** 64 bits that say how long or how many something is. @throws {LarderError} MODEL_BROKEN when it is 2^53 or more. */
  size64(what: string): number {
    const at = this.#take(8, what);
    const value = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    throw this.broken(`the ${what} is ${this.#view.getBigUint64(at, true)}`, this.#start + at);
  }

  /** What is at hand from here on. A view into the window: valid until the next {@link load}. */
  loaded(): Uint8Array {
    return this.#window.subarray(this.#at);
  }

  /** As {@link loaded}, of that length, and steps over it. */
  bytes(length: number, what: string): Uint8Array {
    const start = this.#take(length, what);
    return this.#window.subarray(start, start + length);
  }

  /** UTF-8. @throws {LarderError} MODEL_BROKEN when it is not. */
  text(length: number, what: string): string {
    const at = this.position;
    const bytes = this.bytes(length, what);
    try {
      return DECODER.decode(bytes);
    } catch (error) {
      throw this.broken(`the ${what} is not UTF-8`, at, error);
    }
  }

  /** Over bytes that need not be at hand. */
  skip(length: number, what: string): void {
    if (length > this.remaining) throw this.#truncated(length, what);
    this.#at += length;
  }

  broken(what: string, offset?: number, cause?: unknown): Error {
    return broken(this.reader.path, what, offset ?? this.position, cause);
  }

  #take(length: number, what: string): number {
    const start = this.#at;
    if (start + length > this.#window.byteLength) {
      if (length > this.remaining) throw this.#truncated(length, what);
      throw new RangeError(`${length} bytes at ${this.position} are read before they are loaded`);
    }
    this.#at = start + length;
    return start;
  }

  #truncated(length: number, what: string): Error {
    return this.broken(`the ${what} needs ${length} bytes, and ${this.remaining} are left`);
  }
}
