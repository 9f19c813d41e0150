import { expect } from "bun:test";
import type { PullFileRequest, PullRequest, PullView } from "../../src/library/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, type TestLibrary, type TestLibraryOptions } from "../helpers/library.ts";
import { type Origin, type OriginOptions, type OriginRequest, startOrigin } from "../helpers/origin.ts";
import { expectSound } from "../helpers/sound.ts";

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

/** One origin and one library, with a check at the end that nothing unsound was left behind. */
export async function withOrigin(
  work: (origin: Origin, larder: TestLibrary) => Promise<void>,
  options: TestLibraryOptions & { readonly origin?: OriginOptions } = {},
): Promise<void> {
  await using origin = await startOrigin(options.origin);
  await using larder = await openTestLibrary(options);
  await work(origin, larder);
  await expectSound(larder);
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
  expect(digestOf(await Bun.file(served.path).bytes())).toBe(digestOf(bytes));
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
