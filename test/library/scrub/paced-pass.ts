import { type Digest, parseDigest } from "../../../src/core/index.ts";
import { ScrubGate, type ScrubSettings } from "../../../src/library/scrub/gate.ts";
import { ScrubPass } from "../../../src/library/scrub/pass.ts";
import { readPlace, type ScrubPlace } from "../../../src/library/scrub/place.ts";
import type { BlobRow, Registry } from "../../../src/registry/index.ts";
import type { VerifyOutcome } from "../../../src/store/index.ts";
import type { FakeClock } from "../../helpers/fake-clock.ts";

export const CHUNK = 5 * 1024 * 1024;

/** `aaaa…`, by a single hexadecimal digit. */
export function digestNamed(digit: string): Digest {
  return parseDigest(digit.repeat(64));
}

export function blobRow(digit: string, chunks: number, verifiedAtS?: number): BlobRow {
  return {
    digest: digestNamed(digit),
    sizeBytes: chunks * CHUNK,
    chunkDigests: new Uint8Array(chunks * 32),
    state: "intact",
    ...(verifiedAtS === undefined ? {} : { verifiedAtS }),
  };
}

export interface PacedPass {
  readonly place: ScrubPlace;
  readonly gate: ScrubGate;
  readonly pass: ScrubPass;
  /** Each chunk that was read, as `a0`, and when. */
  readonly reads: Array<{ readonly what: string; readonly atMs: number }>;
  readonly settings: Map<string, string>;
  readonly rows: Map<string, BlobRow>;
  /** Times of change by digest; 1 where none is said. */
  readonly modifiedMs: Map<string, number>;
  stop(): Promise<void>;
}

/** A pass whose disk and registry answer at once, so that a clock that stands still decides alone. */
export function startPass(
  clock: FakeClock,
  blobs: readonly BlobRow[],
  options: Partial<ScrubSettings> & {
    readonly kept?: ReadonlyMap<string, string>;
    /** Called when a chunk was read and before anything follows from it. */
    readonly onRead?: (what: string) => void;
  } = {},
): PacedPass {
  const rows = new Map<string, BlobRow>(blobs.map((blob) => [blob.digest, blob]));
  const settings = new Map(options.kept);
  const registry = standInRegistry(rows, settings);
  const place = readPlace(registry);
  const scrub = { bytesPerS: CHUNK, hours: "", everyS: 1000, ...options };
  const gate = new ScrubGate(clock, scrub, place);
  const reads: PacedPass["reads"] = [];
  const modifiedMs = new Map<string, number>();
  const pass = new ScrubPass({
    registry,
    store: {
      checkChunks: ({ digest }, { first }) => {
        reads.push({ what: `${digest[0]}${first}`, atMs: clock.monotonicMs() });
        options.onRead?.(`${digest[0]}${first}`);
        return Promise.resolve({ isRight: true, modifiedMs: modifiedMs.get(digest) ?? 1 });
      },
      verify: (all) =>
        Promise.resolve([...all].map(({ digest, sizeBytes }): VerifyOutcome => ({
          ...{ digest, sizeBytes, state: "intact", badChunks: [] },
        }))),
    },
    quarantine: { takeOut: () => Promise.reject(new Error("nothing is damaged")) },
    ...{ gate, place, clock, everyS: scrub.everyS, noteBytes: () => {}, onBegin: () => {} },
  });
  const stopping = new AbortController();
  const running = pass.run(stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    ...{ place, gate, pass, reads, settings, rows, modifiedMs },
    stop: async () => {
      stopping.abort(new Error("stopped"));
      await running;
      await pass.write({ durable: true });
    },
  };
}

function standInRegistry(rows: Map<string, BlobRow>, settings: Map<string, string>): Registry {
  const answers: Partial<Registry> = {
    blobsAfter: (after, limit) =>
      [...rows.values()].filter(({ digest }) => digest > after)
        .sort((a, b) => a.digest < b.digest ? -1 : 1).slice(0, limit),
    findBlob: (digest) => rows.get(digest),
    getSetting: (key) => settings.get(key),
    setSetting: (key, value) => Promise.resolve(void settings.set(key, value)),
    setVerified: (digests, verifiedAtS) => {
      for (const { digest } of digests) {
        const row = rows.get(digest);
        if (row !== undefined) rows.set(digest, { ...row, verifiedAtS });
      }
      return Promise.resolve();
    },
  };
  return answers as Registry;
}
