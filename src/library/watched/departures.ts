import type { Clock } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { Look } from "./look.ts";
import type { TakenModel } from "./taken.ts";

/** How long another folder at the same path, which has nothing of what was taken, has to stay: its disk may come back. */
const OTHER_FOLDER_MS = 600_000;

export interface DeparturesDeps {
  readonly folder: string;
  readonly settleMs: number;
  readonly registry: Pick<Registry, "getSetting" | "setSetting">;
  readonly clock: Clock;
}

/** Which models are gone from a watched folder, and not only out of sight. */
export class Departures {
  /** By model, on the monotonic clock. */
  readonly #missingSinceMs = new Map<string, number>();

  constructor(private readonly deps: DeparturesDeps) {}

  note({ missing }: Look): void {
    const models = new Set(missing.map(({ model }) => model));
    for (const model of this.#missingSinceMs.keys()) {
      if (!models.has(model)) this.#missingSinceMs.delete(model);
    }
    for (const model of models.difference(this.#missingSinceMs)) {
      this.#missingSinceMs.set(model, this.deps.clock.monotonicMs());
    }
  }

  /** The folder itself cannot be looked at. */
  forget(): void {
    this.#missingSinceMs.clear();
  }

  /** Those that have been missing for long enough. */
  gone(look: Look): TakenModel[] {
    return [...this.#leaving(look)].filter(([, dueMs]) => dueMs <= 0).map(([taken]) => taken);
  }

  /** Until the next one is gone. */
  dueInMs(look: Look): number {
    return Math.min(Infinity, ...this.#leaving(look).values());
  }

  /** Remembers which folder it is that has what was taken. */
  async rememberFolder({ walk, taken }: Look): Promise<void> {
    const { registry } = this.deps;
    const isKnown = registry.getSetting(this.#identityKey) === walk.identity;
    if (isKnown || (taken.size > 0 && !holdsAny(walk.files, taken))) return;
    await registry.setSetting(this.#identityKey, walk.identity);
  }

  /** Milliseconds until each is gone. Files that another model is to be made of are known by the name before until that is done. */
  #leaving(look: Look): Map<TakenModel, number> {
    if (look.missing.length === 0) return new Map();
    const confirmMs = this.#confirmMs(look);
    const nowMs = this.deps.clock.monotonicMs();
    const wanted = new Set(look.candidates.flatMap(({ unit }) => unit.files.map(({ path }) => path)));
    return new Map(
      look.missing.flatMap((taken) => {
        const sinceMs = this.#missingSinceMs.get(taken.model);
        const isWanted = [...taken.versions[0]?.files.keys() ?? []].some((path) => wanted.has(path));
        return sinceMs === undefined || isWanted ? [] : [[taken, sinceMs + confirmMs - nowMs] as const];
      }),
    );
  }

  /** How long something has to be missing. An empty folder may be where a disk is missing, which is another folder then. */
  #confirmMs({ walk, taken }: Look): number {
    const { registry, settleMs } = this.deps;
    const isOther = registry.getSetting(this.#identityKey) !== walk.identity;
    return isOther && !holdsAny(walk.files, taken) ? Math.max(OTHER_FOLDER_MS, settleMs) : settleMs;
  }

  get #identityKey(): string {
    return `watched_folder/${this.deps.folder}`;
  }
}

function holdsAny(files: Look["walk"]["files"], taken: Look["taken"]): boolean {
  const paths = new Set(files.map(({ path }) => path));
  return [...taken.values()].some(({ versions }) =>
    [...versions[0]?.files.keys() ?? []].some((path) => paths.has(path))
  );
}
