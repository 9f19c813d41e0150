import { LarderError } from "../core/index.ts";
import type { HubFile } from "./types.ts";
import { nameOf } from "./variant-draft.ts";

const GLOBS_MAX = 100;
const GLOB_LENGTH_MAX = 1024;
const WILDCARD = /[*?[{]/;

/**
 * The files that match one of the globs, in their order. `*` stays within a folder, `**` does not; a glob that ends with "/" is all
 * that lies below; one without any "/" but with a wildcard looks at names in every folder, so `*.json` means what it means to the
 * hub's own tools.
 *
 * @throws {LarderError} BAD_QUERY Too many globs, or one too long.
 */
export function matchFiles<T extends Pick<HubFile, "path">>(
  files: readonly T[],
  globs: readonly string[],
): T[] {
  if (globs.length > GLOBS_MAX || globs.some((glob) => glob.length > GLOB_LENGTH_MAX)) {
    throw new LarderError("BAD_QUERY", "Cannot select files: too many globs, or one too long", {
      field: "files",
      hint: `Give at most ${GLOBS_MAX} globs of at most ${GLOB_LENGTH_MAX} characters.`,
    });
  }
  const tests = globs.map(toTest);
  return files.filter(({ path }) => tests.some((test) => test(path)));
}

function toTest(text: string): (path: string) => boolean {
  const glob = new Bun.Glob(text.endsWith("/") ? `${text}**` : text);
  if (text.includes("/") || !WILDCARD.test(text)) return (path) => glob.match(path);
  return (path) => glob.match(nameOf(path));
}
