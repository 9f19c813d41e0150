import type { ReadConnection } from "./read-connection.ts";
import { type Stored, withoutNulls } from "./rows.ts";
import type {
  AccessOrder,
  AccessRow,
  FollowUse,
  HourUse,
  OptionsRow,
  PreloadRow,
  UseRegistry,
  WatchedFileRow,
} from "./use-types.ts";

type UseReads = Pick<
  UseRegistry,
  | "listAccess"
  | "accessOf"
  | "variantsOfFile"
  | "usageHours"
  | "usageFollows"
  | "listPreload"
  | "findOptions"
  | "listPinned"
  | "listWatchedFiles"
>;

const ACCESS_IN_ORDER = {
  oldest: "accessByTime",
  recent: "accessByRecency",
  least_used: "accessByCount",
  largest: "accessBySize",
} as const satisfies Record<AccessOrder, string>;

/** Pairs of models that are looked at, the most frequent ones. */
const FOLLOWS_MAX = 100_000;

/** Reads of how models were used, and of what users want of them. */
export function useReads(db: ReadConnection): UseReads {
  const access = (rows: Stored<AccessRow>[]) => rows.map((row) => withoutNulls<AccessRow>(row));
  return {
    listAccess: ({ order, limit }) => access(db.all<Stored<AccessRow>>(ACCESS_IN_ORDER[order], limit)),
    accessOf: (model) => access(db.all<Stored<AccessRow>>("accessOf", model)),
    variantsOfFile: (model, version, path) =>
      db.all<{ name: string }>("variantsOfFile", model, version, path).map(({ name }) => name),
    usageHours: () => db.all<HourUse>("usageHours"),
    usageFollows: () => db.all<FollowUse>("usageFollows", FOLLOWS_MAX),
    listPreload: () => db.all<PreloadRow>("listPreload"),
    findOptions: (model) => db.all<StoredOptions>("findOptions", model).map(toOptions),
    listPinned: () => db.all<StoredOptions>("listPinned").map(toOptions),
    listWatchedFiles: (folder) => db.all<WatchedFileRow>("listWatchedFiles", folder),
  };
}

export type StoredOptions = Omit<OptionsRow, "pinned" | "options"> & {
  readonly pinned: 0 | 1;
  readonly options: string;
};

export function toOptions({ pinned, options, ...row }: StoredOptions): OptionsRow {
  return { ...row, pinned: pinned === 1, options: JSON.parse(options) };
}
