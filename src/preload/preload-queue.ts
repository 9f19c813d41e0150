import {
  formatModelRef,
  LarderError,
  parseModelName,
  parseVariant,
  parseVersionOrAlias,
} from "../core/index.ts";
import type { PreloadRow, PreloadSupport } from "../library/index.ts";
import type { SkipKind } from "./attempt.ts";
import { checkPriority } from "./preload-config.ts";
import type { PreloadRequest } from "./types.ts";

/** The order is worked out over all of it. */
const QUEUE_MAX = 1_000;
/** Between times of adding, so that those of one request keep their order. */
const STEP_S = 1e-6;

interface Skip {
  readonly why: SkipKind;
  readonly reason: string;
}

type Support = Pick<PreloadSupport, "listQueue" | "putQueue" | "removeFromQueue">;

/** What is to be loaded, on disk, and why some of it was skipped so far. */
export class PreloadQueue {
  readonly #skips = new Map<string, Skip>();
  #changes = 0;

  constructor(private readonly support: Support) {}

  /** Grows with every change that somebody asked for. */
  get changes(): number {
    return this.#changes;
  }

  /** @throws {LarderError} BAD_NAME, BAD_BODY, TOO_MANY. */
  async add(requests: readonly PreloadRequest[], nowS: number): Promise<readonly string[]> {
    const queued = this.support.listQueue();
    const known = new Map(queued.map((row) => [row.reference, row]));
    const firstS = queued.reduce((latest, { addedAtS }) => Math.max(latest, addedAtS + STEP_S), nowS);
    const rows = requests.map((request, index): PreloadRow => {
      const { reference, priority } = checked(request);
      const addedAtS = known.get(reference)?.addedAtS ?? firstS + index * STEP_S;
      return { reference, priority, origin: "user", addedAtS };
    });
    const count = new Set([...known.keys(), ...rows.map(({ reference }) => reference)]).size;
    if (count > QUEUE_MAX) throw tooMany();
    await this.put(rows);
    return rows.map(({ reference }) => reference);
  }

  async put(rows: readonly PreloadRow[]): Promise<void> {
    await this.support.putQueue(rows);
    for (const { reference } of rows) this.#skips.delete(reference);
    this.#changes++;
  }

  async remove(references?: readonly string[]): Promise<number> {
    const count = await this.support.removeFromQueue(references);
    for (const reference of references ?? [...this.#skips.keys()]) this.#skips.delete(reference);
    this.#changes++;
    return count;
  }

  /** It was dealt with. */
  async finish(reference: string): Promise<void> {
    this.#skips.delete(reference);
    await this.support.removeFromQueue([reference]);
  }

  /** @returns Whether it is skipped for another reason than the last time. */
  noteSkip(reference: string, skip: Skip): boolean {
    const isNew = this.#skips.get(reference)?.why !== skip.why;
    this.#skips.set(reference, skip);
    return isNew;
  }

  /** Why it was skipped last. */
  skipOf(reference: string): string | undefined {
    return this.#skips.get(reference)?.reason;
  }
}

function checked({ model, version, variant, priority = 0 }: PreloadRequest) {
  const reference = formatModelRef({
    model: parseModelName(model),
    ...(version === undefined ? {} : { version: parseVersionOrAlias(version) }),
    ...(variant === undefined ? {} : { variant: parseVariant(variant) }),
  });
  return { reference, priority: checkPriority(priority) };
}

function tooMany(): LarderError {
  return new LarderError("TOO_MANY", `Cannot queue more than ${QUEUE_MAX} models to preload`, {
    hint: "Remove some with `larder preload remove`, or wait until they are loaded.",
  });
}
