import { LarderError } from "../../core/index.ts";

// Protocol buffers, as far as editing one message needs them. @see https://protobuf.dev/programming-guides/encoding

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH_DELIMITED = 2;
const FOUR_BYTES = 5;
/** 64 bits, seven in each. */
const VARINT_BYTES_MAX = 10;

export interface Field {
  readonly number: number;
  /** Tag and value, as they lie in the message. */
  readonly whole: Uint8Array;
  /** What the length counts; empty for the other kinds. */
  readonly bytes: Uint8Array;
  /** Of a varint, else 0. */
  readonly value: bigint;
}

/** The fields of a message in order. @throws {LarderError} MODEL_BROKEN when it ends inside one. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  for (let at = 0; at < message.length;) {
    const start = at;
    const tag = readVarint(message, at);
    at = tag.end;
    const number = Number(tag.value >> 3n);
    let bytes = message.subarray(0, 0);
    let value = 0n;
    switch (Number(tag.value & 7n)) {
      case VARINT:
        ({ value, end: at } = readVarint(message, at));
        break;
      case EIGHT_BYTES:
        at += 8;
        break;
      case LENGTH_DELIMITED: {
        const length = readVarint(message, at);
        at = length.end + Number(length.value);
        bytes = message.subarray(length.end, at);
        break;
      }
      case FOUR_BYTES:
        at += 4;
        break;
      default:
        throw broken();
    }
    if (at > message.length) throw broken();
    yield { number, whole: message.subarray(start, at), bytes, value };
  }
}

/** Signed 64-bit numbers, packed in one field or one in each. */
export function int64sOf({ bytes, value }: Field): bigint[] {
  if (bytes.length === 0) return [BigInt.asIntN(64, value)];
  const values: bigint[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = readVarint(bytes, at);
    values.push(BigInt.asIntN(64, next.value));
    at = next.end;
  }
  return values;
}

/** A field that holds bytes or a message, in pieces to be joined. */
export function lengthDelimited(number: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + LENGTH_DELIMITED), varint(length), ...pieces];
}

export function varintField(number: number, value: number): Uint8Array[] {
  return [varint(number * 8 + VARINT), varint(value)];
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push(rest % 0x80 + 0x80);
  return Uint8Array.of(...bytes, rest);
}

function readVarint(message: Uint8Array, start: number): { value: bigint; end: number } {
  let value = 0n;
  for (let at = start; at < message.length && at < start + VARINT_BYTES_MAX; at++) {
    const byte = message[at] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw broken();
}

function broken(): LarderError {
  return new LarderError("MODEL_BROKEN", "Cannot load the model: it is no sound protocol buffer");
}
