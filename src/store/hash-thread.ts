import { writeSync } from "node:fs";
import { LarderError } from "../core/index.ts";
import { diskError, type Home } from "./disk-error.ts";
import { FollowJob } from "./hash-follow.ts";
import type {
  ChunkPiece,
  FollowRequest,
  HashEvent,
  PieceOutcome,
  Taken,
  TakeRequest,
  WholeOutcome,
  WholeRequest,
} from "./hash-messages.ts";
import { Reader } from "./hash-reader.ts";
import { hashFile, type JobWatch, verifyPiece, verifyWhole } from "./hash-verify.ts";

const PROGRESS_MS = 100;

/** All that one hash thread does. Its jobs take turns, so a long one does not hold up the others or a message. */
export class HashThread {
  readonly #reader = new Reader();
  readonly #followers = new Map<number, FollowJob>();
  readonly #running = new Set<number>();
  readonly #aborted = new Set<number>();
  #home: Home | undefined;

  constructor(private readonly emit: (event: HashEvent) => void) {}

  /** Must come before everything else: failures of the disk are told in its words. */
  enter(home: Home): void {
    this.#home = home;
  }

  async follow(request: FollowRequest): Promise<Taken> {
    const job = new FollowJob(request, this.#reader, this.emit);
    this.#followers.set(request.id, job);
    return await this.#explained("hash a part", () => job.run())
      .finally(() => this.#followers.delete(request.id));
  }

  advance(id: number, frontBytes: number): void {
    this.#followers.get(id)?.advance(frontBytes);
  }

  chunkRewritten(id: number, index: number): void {
    this.#followers.get(id)?.chunkRewritten(index);
  }

  finish(id: number, sizeBytes: number): void {
    this.#followers.get(id)?.finish(sizeBytes);
  }

  cancel(id: number): void {
    this.#followers.get(id)?.cancel();
  }

  verifyPieces(id: number, pieces: readonly ChunkPiece[]): Promise<PieceOutcome[]> {
    return this.#watched(id, "verify blobs", async (watch) => {
      const outcomes: PieceOutcome[] = [];
      for (const piece of pieces) outcomes.push(await verifyPiece(piece, this.#reader, watch));
      return outcomes;
    });
  }

  verifyWhole(id: number, request: WholeRequest): Promise<WholeOutcome> {
    return this.#watched(id, "verify a blob", (watch) => verifyWhole(request, this.#reader, watch));
  }

  take(id: number, { sourceFd, targetFd }: TakeRequest): Promise<Taken> {
    return this.#watched(
      id,
      "take a file in",
      (watch) =>
        hashFile(sourceFd, this.#reader, watch, (bytes, position) => {
          if (targetFd !== undefined) writeFully(targetFd, bytes, position);
        }),
    );
  }

  abort(id: number): void {
    if (this.#running.has(id)) this.#aborted.add(id);
  }

  /** Tells progress at most every 100 ms while the job runs, and the rest of it at the end. */
  #watched<T>(id: number, action: string, work: (watch: JobWatch) => Promise<T>): Promise<T> {
    let bytesUntold = 0;
    let toldMs = performance.now();
    const tell = () => {
      if (bytesUntold > 0) this.emit({ type: "progress", id, bytes: bytesUntold });
      bytesUntold = 0;
      toldMs = performance.now();
    };
    const step = (bytes: number) => {
      if (this.#aborted.has(id)) throw new LarderError("CANCELLED", `Cannot ${action}: it was cancelled`);
      bytesUntold += bytes;
      if (performance.now() - toldMs >= PROGRESS_MS) tell();
    };
    this.#running.add(id);
    return this.#explained(action, () => work({ step })).finally(() => {
      tell();
      this.#running.delete(id);
      this.#aborted.delete(id);
    });
  }

  async #explained<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#home ? diskError(action, error, this.#home) : error;
    }
  }
}

function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(fd, bytes, done, bytes.byteLength - done, position + done);
  }
}
