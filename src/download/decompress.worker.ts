import { createReadStream, ftruncateSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { diskError, isLarderError, LarderError, serveWorker, systemCode } from "../core/index.ts";

const READ_BYTES = 1024 * 1024;
const REPORT_BYTES = 8 * 1024 * 1024;

export interface DecompressJob {
  readonly id: number;
  readonly fromFd: number;
  readonly toFd: number;
  readonly encoding: "gzip" | "zstd";
  readonly maxBytes: number;
}

export interface DecompressEvent {
  readonly job: number;
  readonly bytesWritten: number;
}

const running = new Map<number, AbortController>();

async function decompress(job: DecompressJob): Promise<number> {
  const controller = new AbortController();
  running.set(job.id, controller);
  const source = createReadStream("", {
    fd: job.fromFd,
    autoClose: false,
    start: 0,
    highWaterMark: READ_BYTES,
  });
  const unpack = job.encoding === "gzip"
    ? createGunzip({ chunkSize: READ_BYTES })
    : createZstdDecompress({ chunkSize: READ_BYTES });
  const sink = new LimitedSink(job);
  try {
    ftruncateSync(job.toFd, 0);
    await pipeline(source, unpack, sink, { signal: controller.signal });
    return sink.bytesWritten;
  } catch (error) {
    throw failure(error, controller.signal);
  } finally {
    running.delete(job.id);
  }
}

/** Writes at positions and stops one byte beyond the limit. */
class LimitedSink extends Writable {
  bytesWritten = 0;
  #reportedBytes = 0;

  constructor(private readonly job: DecompressJob) {
    super({ highWaterMark: READ_BYTES });
  }

  override _write(bytes: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    if (this.bytesWritten + bytes.byteLength > this.job.maxBytes) return done(beyondLimit(this.job.maxBytes));
    try {
      for (let at = 0; at < bytes.byteLength;) {
        at += writeSync(this.job.toFd, bytes, at, bytes.byteLength - at, this.bytesWritten + at);
      }
    } catch (error) {
      return done(diskError(error, "write the decompressed file") as Error);
    }
    this.bytesWritten += bytes.byteLength;
    if (this.bytesWritten - this.#reportedBytes >= REPORT_BYTES) {
      this.#reportedBytes = this.bytesWritten;
      emit({ job: this.job.id, bytesWritten: this.bytesWritten });
    }
    done();
  }
}

function beyondLimit(maxBytes: number): LarderError {
  return new LarderError(
    "DECOMPRESS_LIMIT",
    `Cannot decompress this file: it grows beyond ${maxBytes} bytes`,
    {
      hint: "Give the size of the decompressed file if it is right, or raise decompress_bytes_max.",
    },
  );
}

function failure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (isLarderError(error)) return error;
  const code = systemCode(error);
  if (code === undefined || !/^(?:Z_|ZSTD_|ERR_ZSTD|ERR__ERROR)/i.test(code)) {
    return diskError(error, "decompress this file");
  }
  return new LarderError("CORRUPT_SOURCE", `Cannot decompress this file: it is damaged or cut (${code})`, {
    hint: "Check the address and the digest of the source, or name a mirror.",
    cause: error,
  });
}

const emit = serveWorker<DecompressEvent>({
  decompress,
  abort: (job: number) =>
    running.get(job)?.abort(new LarderError("CANCELLED", "Cannot go on: decompression was ended")),
});
