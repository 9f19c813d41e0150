import { lehmer } from "../../helpers/lehmer.ts";

/** Whole numbers below a limit. */
export type Random = (below: number) => number;

/** The same ones for the same seed. */
export function randomFrom(seed: number): Random {
  const next = lehmer(seed);
  return (below) => Math.floor(next() * below);
}

type Mutation = (
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
  donor: Uint8Array,
) => Uint8Array<ArrayBuffer>;

/** Numbers at which counts, lengths and offsets go wrong. */
const EDGES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  -1n,
];
const MUTATIONS_MAX = 4;
const PIECE_BYTES_MAX = 64;

/**
 * The bytes with one to four changes: bits flipped, bytes and numbers replaced by what is often wrong, pieces taken out, doubled,
 * or put in from another input.
 */
export function mutated(bytes: Uint8Array, random: Random, donor: Uint8Array): Uint8Array<ArrayBuffer> {
  let changed = Uint8Array.from(bytes);
  for (let i = 0; i <= random(MUTATIONS_MAX); i++) {
    const mutation = MUTATIONS[random(MUTATIONS.length)];
    if (mutation !== undefined && changed.length > 0) changed = mutation(changed, random, donor);
  }
  return changed;
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const at = random(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    return bytes;
  },
  (bytes, random) => {
    bytes[random(bytes.length)] = [0, 1, 0x22, 0x2c, 0x39, 0x5b, 0x7b, 0x7d, 0x7f, 0x80, 0xff][random(11)] ??
      random(256);
    return bytes;
  },
  (bytes, random) => withNumber(bytes, random, 8),
  (bytes, random) => withNumber(bytes, random, 4),
  (bytes, random) => {
    const [from, to] = piece(bytes, random);
    return spliced(bytes, from, to, new Uint8Array());
  },
  (bytes, random) => {
    const [from, to] = piece(bytes, random);
    return spliced(bytes, to, to, bytes.subarray(from, to));
  },
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  (bytes, random, donor) => {
    const [from, to] = piece(donor, random);
    const at = random(bytes.length + 1);
    return spliced(
      bytes,
      at,
      random(2) === 0 ? at : Math.min(bytes.length, at + to - from),
      donor.subarray(from, to),
    );
  },
];

function withNumber(bytes: Uint8Array<ArrayBuffer>, random: Random, width: number): Uint8Array<ArrayBuffer> {
  if (bytes.length < width) return bytes;
  const edge = random(2) === 0 ? EDGES[random(EDGES.length)] ?? 0n : BigInt(bytes.length + random(9) - 4);
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt.asUintN(64, edge));
  bytes.set(number.subarray(0, width), random(bytes.length - width + 1));
  return bytes;
}

function piece(bytes: Uint8Array, random: Random): readonly [number, number] {
  const from = random(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + random(PIECE_BYTES_MAX))];
}

function spliced(bytes: Uint8Array, from: number, to: number, put: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]));
}
