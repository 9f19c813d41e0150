import { statSync } from "node:fs";

/** When folders were last changed, as one text to compare. Looking takes microseconds a folder. */
export function folderTimes(folders: readonly string[]): string {
  return folders.map((folder) => `${folder}\0${modifiedMs(folder)}`).join("\0");
}

/** 0 for one that is not there or cannot be looked at. */
function modifiedMs(folder: string): number {
  try {
    return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  } catch {
    // A folder that may not be entered is as good as absent; when that changes, so does the answer.
    return 0;
  }
}
