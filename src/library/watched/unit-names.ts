import { isLarderError, parseModelName, sha256 } from "../../core/index.ts";

const PART_LENGTH_MAX = 80;
const MARK_DIGITS = 6;

/** A model's name from a path: what may not be in it becomes a dash. */
export function namedAfter(path: string): string {
  const name = path.split("/").map(part).join("/");
  return isName(name) ? name : name.split("/").map((one) => `model-${one}`).join("/");
}

/** Another name of the same file, that stays the same: for when the model of its own name is another one. */
export function distinctName(name: string, localPath: string): string {
  return `${name}-${sha256(localPath).slice(0, MARK_DIGITS)}`;
}

function part(text: string): string {
  const plain = text.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/\.{2,}/g, ".");
  const trimmed = plain.replace(/^[^A-Za-z0-9_]+/, "").slice(0, PART_LENGTH_MAX).replace(
    /[^A-Za-z0-9_]+$/,
    "",
  );
  return trimmed === "" ? "model" : trimmed;
}

function isName(text: string): boolean {
  try {
    return parseModelName(text) === text;
  } catch (error) {
    if (isLarderError(error, "BAD_NAME")) return false;
    throw error;
  }
}
