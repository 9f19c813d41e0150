import { LarderError } from "../../core/index.ts";

const SHOWN_CHARS_MAX = 80;

/**
 * A file that does not hold what its format asks for.
 *
 * @param path Inside the version.
 * @param offset Where in the file, in bytes; absent when the fault has no one place.
 */
export function broken(path: string, what: string, offset?: number, cause?: unknown): LarderError {
  return new LarderError("MODEL_BROKEN", `Cannot use ${path}: ${what}${place(offset)}`, {
    hint: "Pull or import the file again; if it stays the same, what was published is broken.",
    details: { path, ...(offset === undefined ? {} : { offset }) },
    cause,
  });
}

/** A file that may be right, but that nothing in this program can run. */
export function unsupported(path: string, what: string, offset?: number): LarderError {
  return new LarderError("NOT_SUPPORTED", `Cannot use ${path}: ${what}${place(offset)}`, {
    hint: "Take another variant of the model, or one in another format.",
    details: { path, ...(offset === undefined ? {} : { offset }) },
  });
}

/** Text out of a file, cut and escaped, so that it cannot forge a line of a log. */
export function shown(text: string): string {
  const cut = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
  return JSON.stringify(cut.toWellFormed()).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function place(offset: number | undefined): string {
  return offset === undefined ? "" : ` (at byte ${offset})`;
}
