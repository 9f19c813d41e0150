import type { ByteReader } from "./byte-reader.ts";
import { Cursor } from "./cursor.ts";

/** Kinds of values. Groups (3 and 4) are history, and no file that is read here has them. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** Messages inside messages; the reader of Google's library stops there too. */
const DEPTH_MAX = 100;
/** Key and number, at most. */
const FIELD_BYTES_MAX = 5 + 10;
const KEY_BYTES_MAX = 5;
/** Of a message, and so of everything in it. */
const LENGTH_MAX = 2 ** 31 - 1;

/** What reads the fields of one message; it may leave the bytes of a field where they are, they are stepped over. */
export type FieldHandler = (field: ProtoReader) => Promise<void> | void;

/**
 * Walks through a protocol buffer field by field. The field that was read last is in `number`, `wire` and, by its kind, in
 * `integer` or `length`.
 *
 * @see https://protobuf.dev/programming-guides/encoding
 * @throws {LarderError} MODEL_BROKEN for what is no protocol buffer: keys and numbers too long, fields that cross the end of their
 * message, groups, more than 100 messages in each other.
 */
export class ProtoReader {
  number = 0;
  wire = 0;
  /** Of a field of bytes. */
  length = 0;
  readonly #cursor: Cursor;
  #low = 0;
  #high = 0;
  #depth = 0;
  #fieldEnd = 0;

  constructor(reader: ByteReader, signal?: AbortSignal) {
    this.#cursor = new Cursor(reader, signal);
  }

  get position(): number {
    return this.#cursor.position;
  }

  get path(): string {
    return this.#cursor.reader.path;
  }

  /** A varint as a number with a sign; no safe integer when a double cannot hold it. */
  get integer(): number {
    return this.#high * 2 ** 32 + (this.#low >>> 0);
  }

  /** Reads the whole file as a message. */
  walkFile(handle: FieldHandler): Promise<void> {
    return this.#walk(this.#cursor.end, handle);
  }

  /** Reads the field that was just met as a message; afterwards it is still the one that was read last. */
  async walk(handle: FieldHandler): Promise<void> {
    this.expect(BYTES);
    if (this.#depth >= DEPTH_MAX) throw this.broken(`more than ${DEPTH_MAX} messages are inside each other`);
    const { number, length } = this;
    this.#depth++;
    await this.#walk(this.position + length, handle);
    this.#depth--;
    this.number = number;
    this.wire = BYTES;
    this.length = length;
  }

  /** Reads the field that was just met as text. */
  async text(bytesMax: number, what: string): Promise<string> {
    this.expect(BYTES);
    if (this.length > bytesMax) {
      throw this.broken(`the ${what} is ${this.length} bytes long, and ${bytesMax} are allowed`);
    }
    if (!this.#cursor.isReady(this.length)) await this.#cursor.load(this.length);
    return this.#cursor.text(this.length, what);
  }

  /** Reads the field that was just met as whole numbers: one, or as many as are packed into it. */
  async integers(take: (integer: number) => void): Promise<void> {
    if (this.wire === VARINT) return take(this.integer);
    this.expect(BYTES);
    while (this.position < this.#fieldEnd) {
      if (!this.#cursor.isReady(FIELD_BYTES_MAX)) await this.#cursor.load(FIELD_BYTES_MAX);
      this.#readVarint();
      if (this.position > this.#fieldEnd) throw this.broken("a number crosses the end of its field");
      take(this.integer);
    }
  }

  /** @throws {LarderError} MODEL_BROKEN when the field that was just met is of another kind. */
  expect(wire: number): void {
    if (this.wire !== wire) throw this.broken(`field ${this.number} is of kind ${this.wire}, not ${wire}`);
  }

  broken(what: string, offset = this.position): Error {
    return this.#cursor.broken(what, offset);
  }

  async #walk(end: number, handle: FieldHandler): Promise<void> {
    const cursor = this.#cursor;
    while (cursor.position < end) {
      if (!cursor.isReady(FIELD_BYTES_MAX)) await cursor.load(FIELD_BYTES_MAX);
      this.#readField(end);
      const fieldEnd = this.#fieldEnd;
      const work = handle(this);
      if (work !== undefined) await work;
      if (cursor.position < fieldEnd) cursor.skip(fieldEnd - cursor.position, "field");
    }
  }

  #readField(end: number): void {
    const at = this.position;
    this.#readVarint();
    const key = this.#low >>> 0;
    this.number = key >>> 3;
    this.wire = key & 7;
    if (this.#high !== 0 || this.position - at > KEY_BYTES_MAX || this.number === 0) {
      throw this.broken("a key of a field is out of range", at);
    }
    const valueBytes = this.#valueBytes(at);
    this.#fieldEnd = this.position + valueBytes;
    if (this.#fieldEnd > end) {
      throw this.broken(`field ${this.number} ends at ${this.#fieldEnd}, and its message at ${end}`, at);
    }
  }

  /** How many bytes of the field are still to come; a varint is read by then. */
  #valueBytes(at: number): number {
    if (this.wire === FIXED64) return 8;
    if (this.wire === FIXED32) return 4;
    if (this.wire !== VARINT && this.wire !== BYTES) {
      throw this.broken(`field ${this.number} is of kind ${this.wire}, which there is not`, at);
    }
    this.#readVarint();
    if (this.wire === VARINT) return 0;
    this.length = this.integer;
    if (this.length < 0 || this.length > LENGTH_MAX) {
      throw this.broken(`field ${this.number} says to be ${this.length} bytes long`, at);
    }
    return this.length;
  }

  #readVarint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#cursor.uint8("number");
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << (shift - 32);
      else {
        low |= bits << 28;
        high = bits >> 4;
      }
      if (shift === 63 && bits > 1) throw this.broken("a number has more than 64 bits");
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw this.broken("a number is longer than 10 bytes");
  }
}
