import { chunkCount, type Digest, LarderError, onAbort, packDigests } from "../core/index.ts";
import { chunkMismatch, type Found, isExpected, mismatch } from "./expected.ts";
import type { MirrorScores } from "./mirror-scores.ts";
import type { TransferEvent, TransferJob, TransferOutcome, TransferResult } from "./transfer-protocol.ts";
import type { DownloadOutcome, DownloadRequest, DownloadSink, SinkFollower } from "./types.ts";

/** How often one chunk is fetched because its digest was wrong. */
const CHUNK_TRIES = 2;

export interface TransferThread {
  start(job: TransferJob): Promise<TransferResult>;
  send(method: "go" | "abort" | "hashed", ...args: readonly unknown[]): void;
}

interface Pass {
  readonly mirrors: readonly string[];
  readonly fresh: boolean;
  readonly unmixed: boolean;
  readonly refetch: readonly number[];
}

interface PassResult {
  readonly outcome: DownloadOutcome;
  readonly found: Found;
  /** Mirrors that bytes came from. */
  readonly contributors: readonly string[];
  /** Some bytes were there before. */
  readonly resumed: boolean;
}

/**
 * One download from the main thread's side: lets the transfer thread write and the follower hash, and decides what a wrong digest
 * means. At most one pass from zero follows a mismatch, so that corrupt mirrors cost twice the size and no more.
 */
export class DownloadRun {
  readonly #badChunks = new Map<number, number>();
  #follower: SinkFollower | undefined;
  #finished: ReturnType<SinkFollower["finish"]> | undefined;
  #rewritten: number[] = [];
  #totalBytes: number | undefined;
  #bad = Promise.withResolvers<void>();
  #pendingBad: number[] = [];
  #failure: unknown;
  #bytes: Uint8Array | undefined;
  #beginning: Promise<void> = Promise.resolve();
  #bytesFetched = 0;
  #chunksFetched = 0;

  constructor(
    private readonly id: number,
    private readonly request: DownloadRequest,
    private readonly sink: DownloadSink | undefined,
    private readonly scores: MirrorScores,
    private readonly thread: TransferThread,
  ) {
    this.#totalBytes = request.sizeBytes;
  }

  async complete(): Promise<DownloadOutcome> {
    const mirrors = this.scores.order(this.request.mirrors);
    const forget = onAbort(this.request.signal, (reason) => this.#end(reason));
    try {
      const first = await this.#pass({ mirrors, fresh: false, unmixed: false, refetch: [] });
      if (isExpected(this.request, first.found)) return first.outcome;
      return await this.#secondPass(mirrors, first);
    } finally {
      forget();
      await this.#beginning;
      this.#follower?.cancel();
    }
  }

  /** The file itself after {@link complete}, when there is no sink. */
  get bytes(): Uint8Array {
    return this.#bytes ?? new Uint8Array();
  }

  onEvent(event: TransferEvent): void {
    if (event.type === "begin") this.#beginning = this.#begin(event);
    else {
      this.#follower?.advance(event.frontBytes);
      this.request.onProgress?.({
        bytesDone: event.bytesDone,
        totalBytes: this.#totalBytes,
        bytesFetched: this.#bytesFetched + event.bytesFetched,
        connections: event.connections,
        resumable: event.resumable,
      });
    }
  }

  async #begin(event: Extract<TransferEvent, { type: "begin" }>): Promise<void> {
    try {
      this.#totalBytes = event.totalBytes;
      if (event.totalBytes !== undefined) await this.request.onTotal?.(event.totalBytes);
      if (this.#failure !== undefined) return;
      this.#follow(event);
      this.thread.send("go", this.id);
    } catch (error) {
      this.#end(error);
    }
  }

  /** A file of one chunk is hashed where it is written. A follower that waits for bad chunks goes on when the rest is kept. */
  #follow({ totalBytes, recorded, fresh }: Extract<TransferEvent, { type: "begin" }>): void {
    if (this.#follower !== undefined && !fresh) return;
    this.#follower?.cancel();
    this.#follower = undefined;
    this.#finished = undefined;
    this.#pendingBad = [];
    this.#bad = Promise.withResolvers();
    this.#rewritten = [];
    if (totalBytes !== undefined && chunkCount(totalBytes) <= 1) return;
    // What an earlier follower still says is about bytes that are gone.
    const ifCurrent = (tell: () => void) => {
      if (this.#follower === follower) tell();
    };
    const follower = this.sink?.follow({
      recorded: new Map(recorded),
      expected: new Map((this.request.chunks ?? []).entries()),
      onChunk: (index, digest) => ifCurrent(() => this.thread.send("hashed", this.id, index, digest)),
      onBadChunk: (index) => ifCurrent(() => this.#noteBad(index)),
    });
    this.#follower = follower;
  }

  #noteBad(index: number): void {
    this.#pendingBad.push(index);
    this.#bad.resolve();
  }

  #end(reason: unknown): void {
    this.#failure ??= reason;
    this.thread.send("abort", this.id);
    this.#follower?.cancel();
  }

  async #pass(pass: Pass): Promise<PassResult> {
    const contributors = new Set<string>();
    let resumed = false;
    let next = pass;
    for (;;) {
      const result = await this.#transfer(next);
      for (const index of result.contributors) contributors.add(next.mirrors[index] ?? "");
      resumed ||= result.resumed;
      const digests = await this.#digests(result);
      if (digests !== undefined) {
        return {
          outcome: {
            ...digests,
            sizeBytes: result.totalBytes,
            bytesFetched: this.#bytesFetched,
            chunksFetched: this.#chunksFetched,
          },
          found: { ...digests, gitOid: result.gitOid },
          contributors: [...contributors],
          resumed,
        };
      }
      next = this.#refetchPass(next);
    }
  }

  async #transfer(pass: Pass): Promise<TransferOutcome> {
    const { request, sink } = this;
    if (this.#failure !== undefined) throw this.#failure;
    const result = await this.thread.start({
      id: this.id,
      ...(sink === undefined ? {} : { files: { fd: sink.fd, journalFd: sink.journalFd } }),
      mirrors: pass.mirrors,
      ...(request.digest === undefined ? {} : { digest: request.digest }),
      ...(request.gitOid === undefined ? {} : { gitOid: request.gitOid }),
      ...(request.sizeBytes === undefined ? {} : { sizeBytes: request.sizeBytes }),
      ...(request.credential === undefined ? {} : { credential: request.credential }),
      copies: pass.refetch.length > 0 ? [] : request.copies ?? [],
      group: request.group,
      chunksKnown: request.chunks !== undefined,
      fresh: pass.fresh,
      unmixed: pass.unmixed,
      refetch: pass.refetch,
    });
    this.#bytesFetched += result.ok ? result.outcome.bytesFetched : result.bytesFetched;
    if (this.#failure !== undefined) throw this.#failure;
    if (!result.ok) {
      throw result.error
        ? LarderError.fromRecord(result.error)
        : new Error("the transfer ended without a reason");
    }
    this.#chunksFetched += result.outcome.chunksFetched;
    this.#bytes = result.outcome.bytes;
    return result.outcome;
  }

  /** The digests when all is hashed; undefined when chunks must be fetched again first. */
  async #digests(
    outcome: TransferOutcome,
  ): Promise<{ digest: Digest; chunkDigests: Uint8Array } | undefined> {
    if (outcome.digest !== undefined) {
      const { digest, totalBytes } = outcome;
      return { digest, chunkDigests: packDigests(totalBytes === 0 ? [] : [digest]) };
    }
    if (this.#follower === undefined) throw new Error("a long part without a follower");
    if (this.#finished === undefined) {
      this.#finished = this.#follower.finish(outcome.totalBytes);
      // A cancelled follower rejects; whoever waits for it sees that below.
      this.#finished.catch(() => {});
    }
    this.#follower.advance(outcome.totalBytes);
    for (const index of this.#rewritten.splice(0)) this.#follower.chunkRewritten(index);
    try {
      return await Promise.race([this.#finished, this.#bad.promise.then(() => undefined)]);
    } catch (error) {
      throw this.#failure ?? error;
    }
  }

  #refetchPass(pass: Pass): Pass {
    const refetch = this.#pendingBad.splice(0);
    this.#bad = Promise.withResolvers();
    for (const index of refetch) {
      const tries = (this.#badChunks.get(index) ?? 0) + 1;
      if (tries > CHUNK_TRIES) throw chunkMismatch(this.request, index);
      this.#badChunks.set(index, tries);
    }
    this.#rewritten = refetch;
    return { mirrors: this.#rotated(pass.mirrors), fresh: false, unmixed: false, refetch };
  }

  /** Another mirror's bytes are only of use when a digest decides. */
  #rotated(mirrors: readonly string[]): readonly string[] {
    const [first, ...others] = mirrors;
    const { digest, gitOid, chunks } = this.request;
    const mayMix = digest !== undefined || gitOid !== undefined || chunks !== undefined;
    return first === undefined || !mayMix ? mirrors : [...others, first];
  }

  /** Once more from zero, from one mirror: first those that gave nothing of the wrong bytes. */
  async #secondPass(mirrors: readonly string[], first: PassResult): Promise<DownloadOutcome> {
    const guilty = new Set(first.contributors);
    const sole = guilty.size === 1 && !first.resumed;
    if (sole) { for (const address of guilty) this.scores.penalise(address); }
    const untouched = mirrors.filter((address) => !guilty.has(address));
    const candidates = sole ? untouched : [...untouched, ...first.contributors];
    if (candidates.length === 0) throw mismatch(this.request, first.found);
    const second = await this.#pass({ mirrors: candidates, fresh: true, unmixed: true, refetch: [] });
    if (isExpected(this.request, second.found)) {
      for (const address of guilty) if (!second.contributors.includes(address)) this.scores.penalise(address);
      return second.outcome;
    }
    for (const address of second.contributors) this.scores.penalise(address);
    throw mismatch(this.request, second.found);
  }
}
