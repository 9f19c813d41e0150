import { sha256 } from "../core/index.ts";

/** What some file system takes for something else: separators, streams, wildcards, short names; and "%" itself. */
const AMBIGUOUS = /[\u0000-\u001f\u007f%<>:"|?*\\]|~(?=\d)|[. ]$/g;
/** Names of devices on Windows, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=\s*(?:\.|$))/i;
const NAME_BYTES_MAX = 255;
const NAME_KEPT_CHARS = 60;

/**
 * A file's path inside its view: the path itself, but for names that a file system could take another way, in which those characters
 * are percent-encoded. Different paths stay different.
 */
export function viewPath(path: string): string {
  return path.split("/").map(escapeName).join("/");
}

function escapeName(name: string): string {
  const escaped = name.replace(AMBIGUOUS, percent);
  const safe = DEVICE.test(escaped) ? percent(escaped.slice(0, 1)) + escaped.slice(1) : escaped;
  if (Buffer.byteLength(safe) <= NAME_BYTES_MAX) return safe;
  // "%~" comes from no escape, so a name that was cut is never a name that was not.
  return `${Array.from(safe).slice(0, NAME_KEPT_CHARS).join("")}%~${sha256(name)}`;
}

function percent(mark: string): string {
  return Buffer.from(mark).toString("hex").toUpperCase().replace(/../g, "%$&");
}
