import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PendingModelView, WatchedFolderView, WatchSettings } from "../../../src/library/index.ts";
import { openTestLibrary, type TestLibrary } from "../../helpers/library.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { waitUntil } from "../../helpers/wait.ts";

const SETTLE_MS = 60;

/** A library that watches a real folder beside its home. */
export interface WatchWorld extends AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  library(): TestLibrary["library"];
  registry(): TestLibrary["registry"];
  store(): TestLibrary["store"];
  /** Makes files in the watched folder. */
  put(files: Readonly<Record<string, Uint8Array | string>>): Promise<void>;
  view(): Promise<WatchedFolderView>;
  pending(): readonly PendingModelView[];
  /** Models that are here, by name. */
  models(): string[];
  /** Versions of a model, newest first. */
  versions(model: string): string[];
  /** Until exactly these models are here and nothing is pending. */
  untilModels(...models: string[]): Promise<void>;
  /** Ends the process, so to speak, and opens the home again. */
  reopen(settings?: Partial<WatchSettings>): Promise<void>;
  close(): Promise<void>;
}

export interface WatchWorldOptions extends Partial<WatchSettings> {
  readonly start?: boolean;
}

export async function openWatchWorld(
  { start = true, ...settings }: WatchWorldOptions = {},
): Promise<WatchWorld> {
  const temp = await tempFolder();
  const [folder, home] = [join(temp.path, "models"), settings.home ?? join(temp.path, "home")];
  await mkdir(folder);
  const open = async (changes: Partial<WatchSettings> = {}) => {
    const watched = {
      home,
      folders: [folder],
      mode: "auto",
      settleMs: SETTLE_MS,
      ...settings,
      ...changes,
    } as const;
    const opened = await openTestLibrary({ home, settings: { watched } });
    if (start) opened.library.watched.start();
    return opened;
  };
  let opened = await open();
  let isOpen = true;
  const close = async () => {
    if (isOpen) await opened.close();
    isOpen = false;
  };
  const models = () => opened.registry.listModels({ limit: 100 }).map(({ model }) => model);
  const pending = () => opened.library.watched.pending();
  return {
    ...{ folder, home, models, pending, close },
    library: () => opened.library,
    registry: () => opened.registry,
    store: () => opened.store,
    put: async (files) => {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
    },
    view: async () => {
      const [view] = (await opened.library.watched.list()).folders;
      if (view === undefined) throw new Error("no folder is watched");
      return view;
    },
    versions: (model) => opened.registry.findModel(model)?.versions.map(({ version }) => version) ?? [],
    untilModels: async (...wanted) => {
      try {
        await waitUntil(
          () => JSON.stringify(models()) === JSON.stringify(wanted) && pending().length === 0,
          20_000,
        );
      } catch (error) {
        const view = JSON.stringify((await opened.library.watched.list()).folders, undefined, 1);
        throw new Error(`wanted ${wanted}, there are ${models()}: ${view}`, { cause: error });
      }
    },
    reopen: async (changes) => {
      await close();
      opened = await open(changes);
      isOpen = true;
    },
    [Symbol.asyncDispose]: async () => {
      await close();
      await temp[Symbol.asyncDispose]();
    },
  };
}
