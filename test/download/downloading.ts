import { afterAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createDownloader,
  type Downloader,
  type DownloadOutcome,
  type DownloadRequest,
  type TransferTuning,
} from "../../src/download/index.ts";
import { openBlobStore } from "../../src/store/index.ts";
import { digestOf } from "../helpers/digest.ts";
import type { OriginRequest } from "../helpers/origin.ts";
import { partOf } from "../helpers/sound.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

export const MIB = 1024 * 1024;

/** Impatient, so that faults show soon. */
const TUNING: TransferTuning = {
  stallMs: 600,
  crawlMs: 2000,
  crawlBytesPerS: 1024,
  tries: 6,
  backoffBaseMs: 5,
  backoffMaxMs: 40,
};

export type Wanted = Omit<DownloadRequest, "group" | "signal"> & { readonly signal?: AbortSignal };
export interface Fetched {
  readonly outcome: DownloadOutcome;
  /** What lies in the part, or came into memory. */
  readonly bytes: Uint8Array;
}

/** A downloader over real threads, and parts of a real store for it to write. */
export interface TestDownloads {
  /** Into the part of this name, new or left by an earlier call. */
  toPart(name: string, request: Wanted): Promise<Fetched>;
  toMemory(request: Wanted & { readonly sizeBytes: number }): Promise<Fetched>;
  /** All bytes that a call left on disk, of part and journal. */
  leftOf(name: string): Buffer;
}

/** One for all tests of a file; each asks other origins and writes other parts. Call it at the top of the file. */
export async function sharedDownloads(): Promise<TestDownloads> {
  const folder = await tempFolder();
  const home = join(folder.path, "home");
  const store = await openBlobStore({ home });
  const downloader = openDownloader();
  afterAll(async () => {
    downloader.close();
    await store.close();
    await folder[Symbol.asyncDispose]();
  });
  const keyOf = (name: string) => `u-${digestOf(name)}`;
  return {
    async toPart(name, request) {
      const part = await store.openPart(keyOf(name));
      try {
        const outcome = await downloader.download(completed(request), part);
        return { outcome, bytes: readFileSync(part.path) };
      } finally {
        await part.close();
      }
    },
    async toMemory(request) {
      const { bytes, ...outcome } = await downloader.downloadSmall({ ...request, ...completed(request) });
      return { outcome, bytes };
    },
    leftOf(name) {
      const { part, journal } = partOf(home, keyOf(name));
      return Buffer.concat([readFileSync(part), readFileSync(journal)]);
    },
  };
}

function completed(request: Wanted): DownloadRequest {
  return { signal: new AbortController().signal, ...request, group: "test" };
}

function openDownloader(): Downloader {
  return createDownloader({
    net: {
      allowOrigins: ["http://127.0.0.1:*", "http://localhost:*"],
      userAgent: "larder-test",
      connectMs: 2000,
      headersMs: 2000,
    },
    tuning: TUNING,
    rateBytesPerS: 0,
    connections: 2,
  });
}

export function starts(requests: readonly OriginRequest[]): number[] {
  return requests.map(({ range }) => range?.start ?? 0);
}

/** Of a connection that breaks the last MiB may be lost: the request after it may begin so much earlier, but not at zero. */
export function expectStarts(requests: readonly OriginRequest[], expected: readonly number[]): void {
  const rounded = starts(requests).map((start, index) => {
    const wanted = expected[index] ?? -1;
    return start > 0 && start <= wanted && start >= wanted - MIB ? wanted : start;
  });
  expect(rounded).toEqual([...expected]);
}
