import type { VersionRecord } from "./types.ts";
import type { FollowUse, OptionsRow, PreloadRow, UseReport, WatchedFileRow } from "./use-types.ts";
import type { WriteConnection } from "./write-ops.ts";

/** Models that are known to follow one model. */
const FOLLOWERS_MAX = 64;

/** Writes of how models were used, and of what users want of them. */
export function useWrites(db: WriteConnection) {
  return {
    recordUses: ({ variants, hours, follows }: UseReport): void => {
      for (const { model, version, variant, count, usedAtS, loadsMs } of variants) {
        const loadMs = loadsMs.reduce((sum, ms) => sum + ms, 0);
        db.run("addAccess", model, version, variant, count, usedAtS, loadMs, loadsMs.length);
      }
      for (const { model, variant, hour, count } of hours) db.run("addHour", model, variant, hour, count);
      for (const follow of follows) addFollow(db, follow);
    },
    putPreload: (rows: readonly PreloadRow[]): void => {
      for (const { reference, priority, origin, addedAtS } of rows) {
        db.run("putPreload", reference, priority, origin, addedAtS);
      }
    },
    removePreload: (references: readonly string[] | undefined): number => {
      if (references === undefined) return db.run("clearPreload");
      return references.reduce((count, reference) => count + db.run("removePreload", reference), 0);
    },
    putOptions: ({ model, variant, pinned, options }: OptionsRow): void => {
      db.run("putOptions", model, variant, pinned ? 1 : 0, JSON.stringify(options));
    },
    removeOptions: (model: string, variant: string): boolean => db.run("removeOptions", model, variant) > 0,
    putWatchedFiles: (rows: readonly WatchedFileRow[]): void => {
      for (const { folder, model, version, path, sizeBytes, modifiedMs, takenAtS } of rows) {
        db.run("putWatchedFile", folder, model, version, path, sizeBytes, modifiedMs, takenAtS);
      }
    },
    removeWatchedFiles: (
      { folder, model, version }: Pick<WatchedFileRow, "folder" | "model" | "version">,
    ): void => {
      db.run("removeWatchedFiles", folder, model, version);
    },
  };
}

/**
 * At most {@link FOLLOWERS_MAX} of each: then a new one takes the place of the rarest and its count, so that one that comes often from
 * now on gets ahead (A. Metwally et al., "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005).
 */
function addFollow(db: WriteConnection, { model, variant, nextModel, nextVariant, count }: FollowUse): void {
  const pair = [model, variant, nextModel, nextVariant, count] as const;
  if (db.run("countFollow", ...pair) > 0) return;
  const followers = db.get<{ count: number }>("countFollowers", model, variant)?.count ?? 0;
  db.run(followers < FOLLOWERS_MAX ? "addFollow" : "replaceFollow", ...pair);
}

/**
 * Brings the variants of a version that was just written in: what is known of their use stays. One that joins a version which was
 * here before has arrived now: it is not the oldest of all.
 */
export function refreshAccess(
  db: WriteConnection,
  { model, version, ...record }: VersionRecord,
  nowS: number,
): void {
  const sizes = new Map(record.files.map((file) => [file.path, file]));
  const here = record.variants.filter(({ status }) => status === "downloaded");
  const before = db.all<{ name: string }>("accessNames", model, version);
  const arrivedAtS = before.length === 0 ? record.createdAtS : nowS;
  for (const { name } of before) {
    if (!here.some((variant) => variant.name === name)) db.run("forgetVariantAccess", model, version, name);
  }
  for (const { name, paths } of here) {
    const blobs = new Map(paths.flatMap((path) => {
      const file = sizes.get(path);
      return file === undefined ? [] : [[file.digest, file.sizeBytes] as const];
    }));
    const sizeBytes = [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0);
    db.run("putAccess", model, version, name, arrivedAtS, sizeBytes);
  }
}

/** Of one version, or of the model with everything that was set for it. */
export function forgetAccess(db: WriteConnection, model: string, version: string | undefined): void {
  if (version !== undefined) {
    db.run("forgetVersionAccess", model, version);
    return;
  }
  for (const name of ["forgetModelAccess", "forgetHours", "forgetFollows", "forgetOptions"] as const) {
    db.run(name, model);
  }
}
