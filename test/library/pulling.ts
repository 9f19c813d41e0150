import { afterAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { PullFileRequest, PullRequest, PullView } from "../../src/library/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, type TestLibrary, type TestLibraryOptions } from "../helpers/library.ts";
import { type Origin, type OriginOptions, type OriginRequest, startOrigin } from "../helpers/origin.ts";
import { blobCount, expectSound, incoming } from "../helpers/sound.ts";

export const MIB = 1024 * 1024;
export const CHUNK = 5 * MIB;

/** A request for one file `f` of the model `m`; its mirrors in order. */
export function fileOf(
  urls: string | readonly string[],
  options: Partial<PullFileRequest> = {},
  model = "m",
): PullRequest {
  return { model, files: [{ path: "f", urls: [urls].flat(), ...options }] };
}

/** What pins the content down: digest and size. */
export function exactly(bytes: Uint8Array): { readonly sha256: string; readonly size: number } {
  return { sha256: digestOf(bytes), size: bytes.length };
}

export type Tools = (origin: Origin, larder: TestLibrary) => Promise<void>;

/** One origin and one library, with a check at the end that nothing unsound was left behind. */
export async function withOrigin(
  work: Tools,
  options: TestLibraryOptions & { readonly origin?: OriginOptions } = {},
): Promise<void> {
  await using larder = await openTestLibrary(options);
  await withLibrary(larder, work, options.origin);
}

/**
 * The same with one library for all tests of a file, emptied between them: it is open in a third of a second, and what one pull
 * leaves behind in threads and tables must not disturb the next. Call it at the top of the file.
 */
export function sharedLibrary(options: TestLibraryOptions = {}): typeof withShared {
  const shared = openTestLibrary(options);
  afterAll(async () => await (await shared)[Symbol.asyncDispose]());
  async function withShared(work: Tools, origin: OriginOptions = {}): Promise<void> {
    const larder = await shared;
    try {
      await withLibrary(larder, work, origin);
    } finally {
      await empty(larder);
    }
  }
  return withShared;
}

async function withLibrary(larder: TestLibrary, work: Tools, options: OriginOptions = {}): Promise<void> {
  await using origin = await startOrigin(options);
  await work(origin, larder);
  await expectSound(larder);
}

async function empty({ home, library }: TestLibrary): Promise<void> {
  for (const { id } of await library.listPulls({ active: true })) await library.cancelPull(id);
  for (const { model } of (await library.list({ limit: 1000 })).models) await library.remove(model);
  await library.setLimits({ rate_bytes_per_s: 0, pulls_at_once: 3, connections_per_pull: 4 });
  const { id } = await library.gc({ grace_s: 0 });
  for await (const _view of library.watchJob(id));
  expect([blobCount(home), incoming(home)]).toEqual([0, []]);
}

export function expectDone(view: PullView): void {
  expect([view.state, view.error]).toEqual(["done", null]);
}

export function expectFailed(view: PullView, code: string): void {
  expect<unknown[]>([view.state, view.error?.code]).toEqual(["failed", code]);
}

/** The newest version of a model has exactly these bytes under this path. */
export async function expectContent(
  { library }: TestLibrary,
  bytes: Uint8Array,
  { model = "m", path = "f" } = {},
): Promise<void> {
  const served = await library.serveFile(model, "latest", path);
  expect(digestOf(readFileSync(served.path))).toBe(digestOf(bytes));
}

/** Nothing was kept under any name. */
export async function expectNoModel({ library }: TestLibrary, model = "m"): Promise<void> {
  expect(await library.hasModel(model)).toBe(false);
}

/** Bytes that the requests asked for, those that were answered with an error included. */
export function askedBytes(requests: readonly OriginRequest[], totalBytes: number): number {
  return requests.reduce((sum, { range }) => {
    const end = Math.min(range?.end ?? totalBytes, totalBytes);
    return sum + end - (range?.start ?? 0);
  }, 0);
}

export function starts(requests: readonly OriginRequest[]): number[] {
  return requests.map(({ range }) => range?.start ?? 0);
}

/** Requests begin where the bytes before them ended; of a connection that breaks the last MiB may be lost. */
export function expectStarts(requests: readonly OriginRequest[], expected: readonly number[]): void {
  const actual = starts(requests);
  const rounded = actual.map((start, index) => {
    const wanted = expected[index] ?? -1;
    return start <= wanted && start >= wanted - MIB && (wanted === 0 || start > 0) ? wanted : start;
  });
  expect(rounded).toEqual([...expected]);
}
