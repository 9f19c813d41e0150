import type { WorkerClient } from "../core/index.ts";
import type { FollowRequest, HashEvent, Taken } from "./hash-messages.ts";
import type { FollowOptions, PartDigests, PartFollower } from "./types.ts";

/** News of less than this are kept back: hashing takes a millisecond for it, and a message a tenth. */
const ADVANCE_BYTES_MIN = 1024 * 1024;

/** This thread's end of a job that hashes a part behind its writer. */
export class Follower implements PartFollower {
  readonly #result: Promise<Taken>;
  #toldBytes = 0;
  /** Settled when the thread has let go of the descriptor. */
  readonly stopped: Promise<void>;

  constructor(
    private readonly id: number,
    fd: number,
    private readonly thread: WorkerClient<HashEvent>,
    private readonly options: FollowOptions,
  ) {
    const request: FollowRequest = {
      id,
      fd,
      recorded: [...options.recorded ?? []],
      expected: [...options.expected ?? []],
    };
    this.#result = thread.call<Taken>("follow", [request]);
    this.stopped = this.#result.then(() => {}, () => {});
  }

  receive(event: HashEvent): void {
    if (event.type === "chunk") this.options.onChunk?.(event.index, event.digest);
    if (event.type === "bad") this.options.onBadChunk?.(event.index);
  }

  advance(frontBytes: number): void {
    if (frontBytes < this.#toldBytes + ADVANCE_BYTES_MIN) return;
    this.#toldBytes = frontBytes;
    this.thread.send("advance", [this.id, frontBytes]);
  }

  chunkRewritten(index: number): void {
    this.thread.send("chunkRewritten", [this.id, index]);
  }

  async finish(sizeBytes: number): Promise<PartDigests> {
    this.thread.send("finish", [this.id, sizeBytes]);
    const { digest, chunkDigests } = await this.#result;
    return { digest, chunkDigests };
  }

  cancel(): void {
    this.thread.send("cancel", [this.id]);
  }
}
