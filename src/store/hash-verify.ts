import { closeSync } from "node:fs";
import { CHUNK_BYTES, chunkRange, Sha256, systemCode, unpackDigests } from "../core/index.ts";
import type { ChunkPiece, PieceOutcome, WholeOutcome, WholeRequest } from "./hash-messages.ts";
import { openRegular, type Reader } from "./hash-reader.ts";
import { HashState } from "./hash-state.ts";

/** What a job of a hash thread reports to, and asks, while it runs. */
export interface JobWatch {
  /** @throws {LarderError} CANCELLED */
  step(bytes: number): void;
}

/** Compares a run of chunks with their digests: each byte is hashed once. */
export async function verifyPiece(piece: ChunkPiece, reader: Reader, watch: JobWatch): Promise<PieceOutcome> {
  const expected = unpackDigests(piece.expected);
  const indexes = expected.map((_, offset) => piece.firstChunk + offset);
  const file = openRegular(piece.path);
  if (file === "missing") return { state: "missing", isWhole: false, badChunks: indexes };
  if (file === "other") return { state: "present", isWhole: false, badChunks: indexes };
  const badChunks: number[] = [];
  try {
    for (const [offset, index] of indexes.entries()) {
      const digest = await hashChunk(file.fd, index, piece.sizeBytes, reader, watch);
      if (digest !== expected[offset]) badChunks.push(index);
    }
  } finally {
    closeSync(file.fd);
  }
  const { size, mtimeMs: modifiedMs } = file.entry;
  return { state: "present", isWhole: size === piece.sizeBytes, badChunks, modifiedMs };
}

/** Undefined when the chunk cannot be read to its end. */
async function hashChunk(
  fd: number,
  index: number,
  sizeBytes: number,
  reader: Reader,
  watch: JobWatch,
): Promise<string | undefined> {
  const { start, end } = chunkRange(index, sizeBytes);
  const hash = new Sha256();
  for (let position = start; position < end;) {
    const bytes = readOrNothing(reader, fd, position, end - position);
    if (bytes.byteLength === 0) return undefined;
    hash.update(bytes);
    position += bytes.byteLength;
    watch.step(bytes.byteLength);
    await reader.turn();
  }
  return hash.digest();
}

/** Reads a blob from start to end and gives the digests of all its chunks when the whole is right. */
export async function verifyWhole(
  { path, sizeBytes, digest }: WholeRequest,
  reader: Reader,
  watch: JobWatch,
): Promise<WholeOutcome> {
  const file = openRegular(path);
  if (file === "missing") return { state: "missing" };
  if (file === "other") return { state: "damaged" };
  try {
    if (file.entry.size !== sizeBytes) return { state: "damaged" };
    const hashed = await hashFile(file.fd, reader, watch, (bytes) => bytes);
    return hashed.digest === digest
      ? { state: "intact", chunkDigests: hashed.chunkDigests, modifiedMs: file.entry.mtimeMs }
      : { state: "damaged" };
  } finally {
    closeSync(file.fd);
  }
}

/** Hashes an open file to its end; `pass` sees every piece before it is hashed. An unreadable place ends it. */
export async function hashFile(
  fd: number,
  reader: Reader,
  watch: JobWatch,
  pass: (bytes: Uint8Array, position: number) => void,
): Promise<ReturnType<HashState["finish"]> & { readonly sizeBytes: number }> {
  const state = new HashState();
  while (true) {
    const position = state.positionBytes;
    const bytes = reader.read(fd, position, state.chunkLeftBytes);
    if (bytes.byteLength === 0) break;
    pass(bytes, position);
    state.update(bytes);
    if (state.chunkLeftBytes === 0) state.endChunk();
    watch.step(bytes.byteLength);
    await reader.turn();
  }
  const sizeBytes = state.positionBytes;
  if (sizeBytes > state.chunkIndex * CHUNK_BYTES) state.endChunk();
  return { ...state.finish(), sizeBytes };
}

/** A place that the disk cannot read is a damaged chunk, not an end of the whole check. */
function readOrNothing(reader: Reader, fd: number, position: number, maxBytes: number): Uint8Array {
  try {
    return reader.read(fd, position, maxBytes);
  } catch (error) {
    if (systemCode(error) === "EIO") return new Uint8Array();
    throw error;
  }
}
