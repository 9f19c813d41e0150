import { fstatSync } from "node:fs";
import type { DownloadProgress } from "../download/index.ts";
import type { BlobStore, Part, Reservation } from "../store/index.ts";
import type { FetchOptions } from "./file-fetcher.ts";

/** What `fstat` counts blocks in, whatever the file system's own are. */
const BLOCK_BYTES = 512;

/** The disk space that is promised to one part while it grows. Release it in every case. */
export class HeldSpace {
  #reservation: Reservation | undefined;
  #promisedBytes = 0;
  #totalBytes = 0;

  constructor(private readonly space: Pick<BlobStore, "reserve">, private readonly part: Pick<Part, "fd">) {}

  /** The options of a download that holds space for its bytes as soon as their number is known. */
  watching({ onProgress, ...options }: FetchOptions): FetchOptions & {
    readonly onTotal: (totalBytes: number) => Promise<void>;
  } {
    return {
      ...options,
      onTotal: (totalBytes) => this.hold(totalBytes),
      onProgress: (progress: DownloadProgress) => {
        this.noteWritten(progress.bytesDone);
        onProgress(progress);
      },
    };
  }

  /** Holds what the file system still has to find room for: a part that is resumed has blocks already. @throws {LarderError} NO_SPACE */
  async hold(totalBytes: number): Promise<void> {
    this.release();
    const bytes = Math.max(0, totalBytes - fstatSync(this.part.fd).blocks * BLOCK_BYTES);
    this.#reservation = await this.space.reserve(bytes);
    this.#promisedBytes = bytes;
    this.#totalBytes = totalBytes;
  }

  /** Free space has shrunk by what is written: that much need not be promised any more. */
  noteWritten(bytesDone: number): void {
    this.#reservation?.used(Math.max(0, this.#promisedBytes - (this.#totalBytes - bytesDone)));
  }

  release(): void {
    this.#reservation?.release();
    this.#reservation = undefined;
  }
}
