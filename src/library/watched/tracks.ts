import { type Clock, type LarderError, sha256 } from "../../core/index.ts";
import type { FoundFile } from "./walk.ts";

/** How long something is as it is now, and what came of taking it like this. */
export interface Track {
  readonly signature: string;
  /** On the monotonic clock. */
  sinceMs: number;
  tries: number;
  /** Not before, on the monotonic clock; never as long as nothing changes, for what is refused as it is. */
  retryAtMs: number;
  error?: LarderError;
  isBeingTaken: boolean;
}

const RETRY_BASE_MS = 5_000;
const RETRY_MAX_MS = 300_000;

/** Waiting will not make these better: the files have to change. */
const FINAL = new Set<string>([
  ...[
    "BAD_BODY",
    "BAD_INPUT",
    "BAD_NAME",
    "BAD_PATH",
    "MODEL_BROKEN",
    "NOT_SUPPORTED",
    "TOO_MANY",
    "UNSAFE_PATH",
  ],
  ...["VARIANT_NOT_FOUND", "VERSION_EXISTS"],
]);

/** Remembers by path what was seen when. */
export class Tracks {
  readonly #tracks = new Map<string, Track>();

  constructor(private readonly clock: Clock, private readonly settleMs: number) {}

  /** Tells of what lies at a path now. Its time begins anew when anything of it is another one, longer, or written later. */
  note(path: string, files: readonly FoundFile[]): Track {
    const signature = sha256(
      files.map((file) => `${file.path}\0${file.sizeBytes}\0${file.modifiedMs}\n`).join(""),
    );
    const known = this.#tracks.get(path);
    if (known?.signature === signature) return known;
    const track = {
      ...{ signature, sinceMs: this.clock.monotonicMs(), tries: 0, retryAtMs: 0, isBeingTaken: false },
    };
    this.#tracks.set(path, track);
    return track;
  }

  isSettled(track: Track): boolean {
    return this.clock.monotonicMs() - track.sinceMs >= this.settleMs;
  }

  /** When it may be taken, on the monotonic clock. */
  dueAtMs(track: Track): number {
    return Math.max(track.sinceMs + this.settleMs, track.retryAtMs);
  }

  noteFailure(track: Track, error: LarderError): void {
    const nowMs = this.clock.monotonicMs();
    track.tries++;
    track.error = error;
    track.retryAtMs = FINAL.has(error.code)
      ? Infinity
      : nowMs + Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (track.tries - 1));
  }

  /** It changed while it was taken. */
  settleAgain(track: Track): void {
    track.sinceMs = this.clock.monotonicMs();
  }

  keep(paths: ReadonlySet<string>): void {
    for (const path of this.#tracks.keys()) if (!paths.has(path)) this.#tracks.delete(path);
  }
}
