import { ftruncateSync } from "node:fs";
import { diskError, LarderError, serveWorker } from "../core/index.ts";
import type { ByteReader } from "./byte-reader.ts";
import { readFully } from "./read-fully.ts";
import { writeFully } from "./write-fully.ts";

const READ_BYTES = 1024 * 1024;
const REPORT_BYTES = 4 * 1024 * 1024;

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

/** @returns Bytes written. No byte is written beyond the limit, and the descriptors stay open. */
async function decompress(job: DecompressJob): Promise<number> {
  const { signal } = begin(job.id);
  const reader: ByteReader = unpacked(job).getReader();
  let position = 0;
  let reported = 0;
  try {
    onDisk(() => ftruncateSync(job.toFd, 0));
    for (let bytes = await next(reader); bytes !== undefined; bytes = await next(reader)) {
      signal.throwIfAborted();
      if (position + bytes.byteLength > job.maxBytes) throw beyondLimit(job.maxBytes);
      onDisk(() => writeFully(job.toFd, bytes, position));
      position += bytes.byteLength;
      if (position - reported < REPORT_BYTES) continue;
      reported = position;
      emit({ job: job.id, bytesWritten: position });
      // The streams never wait for anything: without this no message would come in before the end.
      await Bun.sleep(0);
    }
    return position;
  } finally {
    running.delete(job.id);
    // Nobody wants what is still to come.
    await reader.cancel().catch(() => {});
  }
}

function begin(job: number): AbortController {
  const controller = new AbortController();
  running.set(job, controller);
  return controller;
}

/** The streams of `node:zlib` take a cut zstd file for a whole one; this one does not, and refuses what follows the last member. */
function unpacked({ fromFd, encoding }: DecompressJob): ReadableStream<Uint8Array> {
  return source(fromFd).pipeThrough(new DecompressionStream(encoding));
}

function source(fd: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let position = 0;
  return new ReadableStream({
    pull: (controller) => {
      const bytes = onDisk(() => readFully(fd, position, READ_BYTES));
      position += bytes.byteLength;
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

async function next(reader: ByteReader): Promise<Uint8Array | undefined> {
  try {
    return (await reader.read()).value;
  } catch (error) {
    // What the disk said is a LarderError already.
    if (error instanceof LarderError) throw error;
    throw new LarderError(
      "CORRUPT_SOURCE",
      "Cannot decompress this file: it is damaged, cut, or no such file",
      {
        hint: "Check the address and the digest of the source, or name a mirror.",
      },
    );
  }
}

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw diskError(error, "decompress this file");
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

const emit = serveWorker<DecompressEvent>({
  decompress,
  abort: (job: number) =>
    running.get(job)?.abort(new LarderError("CANCELLED", "Cannot go on: decompression was ended")),
});
