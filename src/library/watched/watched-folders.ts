import { realpathSync } from "node:fs";
import { type Clock, isLarderError, LarderError, logger, Semaphore } from "../../core/index.ts";
import type { ImportMode } from "../../store/index.ts";
import type { PendingModelView, WatchedFolders, WatchedView } from "../watched-types.ts";
import type { RemoveDeps } from "../remove.ts";
import type { TakeDeps } from "./take.ts";
import { WatchedFolder } from "./watched-folder.ts";

const log = logger("watched");

/** A large folder must not hold up an answer. */
const LOOK_WAIT_MS = 300;
const RETRY_MS = 5_000;
/** Models of all folders that are taken at once: while one is hashed the next one is read. */
const TAKES_AT_ONCE = 2;

export interface WatchSettings {
  readonly home: string;
  /** Absolute paths outside of the home, none inside of another one. */
  readonly folders: readonly string[];
  readonly mode: ImportMode;
  /** How long a file has to be unchanged. */
  readonly settleMs: number;
}

export interface OwnedWatchedFolders extends WatchedFolders {
  /** Reasons for the health page. */
  problems(): string[];
  /** What is being taken is given up; it is taken again by the next process. */
  close(): Promise<void>;
}

export function createWatchedFolders(
  deps: Omit<TakeDeps, "nowS"> & RemoveDeps & { readonly clock: Clock },
  { home, folders, mode, settleMs }: WatchSettings,
): OwnedWatchedFolders {
  const { clock } = deps;
  const stopping = new AbortController();
  const takes = new Semaphore(TAKES_AT_ONCE);
  const all = folders.map((folder) =>
    new WatchedFolder({ ...deps, nowS: () => clock.nowS() }, {
      ...{ folder, mode, settleMs, clock, takes },
      home: realpathSync(home),
    }, stopping.signal)
  );
  const view = (): WatchedView => ({ folders: all.map((one) => one.view()) });
  let running: Promise<unknown> = Promise.resolve();
  return {
    folders: () => all.flatMap((one) => one.folders()),
    pending: () => all.flatMap((one) => one.pending()).sort(byModel),
    generation: () => all.reduce((sum, one) => sum + one.generation, 0),
    lookNow: async () => {
      if (all.length === 0) return false;
      const looks = Promise.all(all.map((one) => one.lookIfMoved())).then((news) => news.includes(true));
      return await inTime(looks.catch(noteFailedLook), clock);
    },
    list: async () => view(),
    scan: async () => {
      await Promise.all(all.map((one) => one.look()));
      for (const one of all) one.ring();
      return view();
    },
    start: () => {
      running = Promise.all(all.map((one) => runSafely(one, clock, stopping.signal)));
    },
    problems: () => all.flatMap((one) => one.problem() ?? []),
    close: async () => {
      stopping.abort(new LarderError("SHUTTING_DOWN", "Cannot look any more: larder is stopping"));
      await running;
    },
  };
}

/** What goes wrong with one folder, such as a disk that is full, ends neither the others nor its own next try. */
async function runSafely(folder: WatchedFolder, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await folder.run();
    } catch (error) {
      const reason = isLarderError(error) ? error.message : error;
      log.error("Cannot go on with {folder} now: {reason}", { folder: folder.folder, reason });
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
}

/** Whoever is about to answer can do so without it. */
function noteFailedLook(error: unknown): boolean {
  if (!isLarderError(error, "SHUTTING_DOWN")) {
    log.error("Cannot look at the watched folders: {error}", { error });
  }
  return false;
}

/** What was found in time; what comes later is in the next answer. */
async function inTime(look: Promise<boolean>, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  const late = clock.sleep(LOOK_WAIT_MS, over.signal).then(() => false, () => false);
  try {
    return await Promise.race([look, late]);
  } finally {
    over.abort();
  }
}

function byModel(a: PendingModelView, b: PendingModelView): number {
  return a.model < b.model ? -1 : 1;
}
