import { CHUNK_BYTES, chunkCount, type Digest, DIGEST_BYTES, digestToBytes } from "../core/index.ts";
import type { ChunkPiece, PieceOutcome, WholeOutcome, WholeRequest } from "./hash-messages.ts";
import type { HashPool } from "./hash-pool.ts";
import type { BlobInfo, VerifyOptions, VerifyOutcome } from "./types.ts";

/** A task of a thread ends with 40 MiB or so many blobs: long beside a message, short beside a wait for the last thread. */
const TASK_CHUNKS = 8;
const TASK_PIECES_MAX = 256;

/** One blob on its way: its pieces may be with several threads. */
interface Case {
  readonly blob: BlobInfo;
  readonly path: string;
  openPieces: number;
  isMissing: boolean;
  isWhole: boolean;
  badChunks: number[];
  /** Of each piece when it was read: one, unless the file changed meanwhile. */
  readonly modifiedMs: Set<number>;
}

interface PieceOf {
  readonly of: Case;
  readonly piece: ChunkPiece;
}

type Task = { readonly pieces: readonly PieceOf[] } | { readonly whole: Case };

/** Reads blobs through, many at once; large ones are read by several threads. */
export class Verifier {
  #bytesDone = 0;
  readonly #outcomes: VerifyOutcome[] = [];

  constructor(
    private readonly pool: HashPool,
    private readonly pathOf: (digest: Digest) => string,
    private readonly options: VerifyOptions,
  ) {}

  /** @throws The signal's reason when it aborts. */
  async run(blobs: Iterable<BlobInfo>): Promise<VerifyOutcome[]> {
    const tasks = planTasks(blobs, this.pathOf);
    const lanes = Array.from({ length: this.pool.threads }, () => this.#lane(tasks));
    const ended = await Promise.allSettled(lanes);
    for (const lane of ended) if (lane.status === "rejected") throw lane.reason;
    return this.#outcomes;
  }

  async #lane(tasks: Generator<Task, undefined>): Promise<void> {
    try {
      for (let next = tasks.next(); !next.done; next = tasks.next()) {
        if ("whole" in next.value) await this.#readWhole(next.value.whole);
        else await this.#readPieces(next.value.pieces);
      }
    } catch (error) {
      // The other lanes find nothing more to do.
      tasks.return(undefined);
      throw error;
    }
  }

  async #readPieces(pieces: readonly PieceOf[]): Promise<void> {
    const request = pieces.map(({ piece }) => piece);
    const outcomes = await this.#run<PieceOutcome[]>("verifyPieces", request);
    for (const [index, outcome] of outcomes.entries()) {
      const found = pieces[index]?.of;
      if (found) await this.#add(found, outcome);
    }
  }

  async #add(found: Case, outcome: PieceOutcome): Promise<void> {
    found.openPieces--;
    found.isMissing ||= outcome.state === "missing";
    found.isWhole &&= outcome.isWhole;
    found.badChunks.push(...outcome.badChunks);
    if (outcome.modifiedMs !== undefined) found.modifiedMs.add(outcome.modifiedMs);
    if (found.openPieces > 0) return;
    const isTableDoubtful = found.badChunks.length > 0 && found.isWhole && isTabled(found.blob);
    if (isTableDoubtful) await this.#readWhole(found);
    else this.#close(found);
  }

  /** The digest of the whole decides: chunk digests that are missing or wrong are made anew from the right bytes. */
  async #readWhole(found: Case): Promise<void> {
    const { blob: { digest, sizeBytes }, path } = found;
    const request: WholeRequest = { path, sizeBytes, digest };
    const { state, chunkDigests, modifiedMs } = await this.#run<WholeOutcome>(
      "verifyWhole",
      request,
      found.badChunks.length > 0,
    );
    if (state === "intact") {
      const times = modifiedMs === undefined ? {} : { modifiedMs };
      return this.#tell({ digest, sizeBytes, state, badChunks: [], ...withDigests(chunkDigests), ...times });
    }
    found.isMissing = state === "missing";
    found.isWhole = false;
    if (found.badChunks.length === 0) found.badChunks = allChunks(sizeBytes);
    this.#close(found);
  }

  #close({ blob, isMissing, isWhole, badChunks, modifiedMs: times }: Case): void {
    const { digest, sizeBytes } = blob;
    const bad = isMissing ? allChunks(sizeBytes) : badChunks.sort((a, b) => a - b);
    // What was added behind the end makes the last chunk wrong.
    if (!isWhole && bad.length === 0 && sizeBytes > 0) bad.push(chunkCount(sizeBytes) - 1);
    if (isMissing) return this.#tell({ digest, sizeBytes, state: "missing", badChunks: bad });
    if (!isWhole || bad.length > 0) {
      return this.#tell({ digest, sizeBytes, state: "damaged", badChunks: bad });
    }
    const [modifiedMs, ...others] = times;
    this.#tell({
      ...{ digest, sizeBytes, state: "intact", badChunks: bad },
      ...withDigests(missingTable(blob)),
      ...(modifiedMs === undefined || others.length > 0 ? {} : { modifiedMs }),
    });
  }

  #tell(outcome: VerifyOutcome): void {
    this.#outcomes.push(outcome);
    this.options.onOutcome?.(outcome);
  }

  #run<T>(method: "verifyPieces" | "verifyWhole", request: unknown, isSecondRead = false): Promise<T> {
    return this.pool.run<T>(method, request, {
      signal: this.options.signal,
      onBytes: (bytes) => {
        if (!isSecondRead) this.#bytesDone += bytes;
        this.options.onProgress?.(this.#bytesDone);
      },
    });
  }
}

/** Small blobs share a task; a large one is cut into several. */
function* planTasks(
  blobs: Iterable<BlobInfo>,
  pathOf: (digest: Digest) => string,
): Generator<Task, undefined> {
  let pieces: PieceOf[] = [];
  let chunks = 0;
  for (const blob of blobs) {
    const table = tableOf(blob);
    const found = newCase(blob, pathOf(blob.digest));
    if (table === undefined) {
      yield { whole: found };
      continue;
    }
    for (const piece of cut(found, table)) {
      pieces.push(piece);
      chunks += piece.piece.expected.byteLength / DIGEST_BYTES;
      if (chunks < TASK_CHUNKS && pieces.length < TASK_PIECES_MAX) continue;
      yield { pieces };
      pieces = [];
      chunks = 0;
    }
  }
  if (pieces.length > 0) yield { pieces };
  return undefined;
}

/** Digests to compare chunks with. A blob of one chunk needs no table: its name says it. */
export function tableOf({ digest, sizeBytes, chunkDigests }: BlobInfo): Uint8Array | undefined {
  if (sizeBytes === 0) return undefined;
  if (sizeBytes <= CHUNK_BYTES) return digestToBytes(digest);
  return chunkDigests?.byteLength === chunkCount(sizeBytes) * DIGEST_BYTES ? chunkDigests : undefined;
}

function isTabled({ sizeBytes }: BlobInfo): boolean {
  return sizeBytes > CHUNK_BYTES;
}

/** The right chunk digests of a blob of one chunk, when it came without them or with wrong ones. */
function missingTable({ digest, sizeBytes, chunkDigests }: BlobInfo): Uint8Array | undefined {
  const right = digestToBytes(digest);
  if (sizeBytes > CHUNK_BYTES || (chunkDigests && Buffer.compare(chunkDigests, right) === 0)) {
    return undefined;
  }
  return right;
}

function newCase(blob: BlobInfo, path: string): Case {
  return { blob, path, openPieces: 0, isMissing: false, isWhole: true, badChunks: [], modifiedMs: new Set() };
}

function cut(of: Case, table: Uint8Array): PieceOf[] {
  const { path, blob: { sizeBytes } } = of;
  const pieces: PieceOf[] = [];
  for (let firstChunk = 0; firstChunk < chunkCount(sizeBytes); firstChunk += TASK_CHUNKS) {
    const expected = table.slice(firstChunk * DIGEST_BYTES, (firstChunk + TASK_CHUNKS) * DIGEST_BYTES);
    pieces.push({ of, piece: { path, sizeBytes, firstChunk, expected } });
  }
  of.openPieces = pieces.length;
  return pieces;
}

function allChunks(sizeBytes: number): number[] {
  return Array.from({ length: chunkCount(sizeBytes) }, (_, index) => index);
}

function withDigests(chunkDigests: Uint8Array | undefined): { readonly chunkDigests?: Uint8Array } {
  return chunkDigests ? { chunkDigests } : {};
}
