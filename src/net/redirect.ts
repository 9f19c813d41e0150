import { isLarderError, LarderError, parseAddress } from "../core/index.ts";

const REDIRECT_STATUS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return REDIRECT_STATUS.has(status);
}

/**
 * Where a redirect leads. The address policy is still to be applied to it.
 *
 * @throws {LarderError} REDIRECT No or an unreadable Location, another scheme, https to http, a user name in it.
 */
export function redirectTarget(from: URL, location: string | null): URL {
  const target = location === null ? null : URL.parse(escapeRawBytes(location), from.href);
  if (target === null) throw refused(from, "it does not say where to");
  const url = readTarget(from, target);
  if (from.protocol === "https:" && url.protocol === "http:") {
    throw refused(from, "it leads from https to http");
  }
  return url;
}

function readTarget(from: URL, target: URL): URL {
  try {
    return parseAddress(target.href);
  } catch (error) {
    if (!isLarderError(error, "BAD_SOURCE")) throw error;
    throw refused(from, "its target has another scheme, a user name, or is too long");
  }
}

/** Header bytes arrive as Latin-1 characters; raw UTF-8 in a Location must keep its bytes. */
function escapeRawBytes(location: string): string {
  return location.replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @param from Only its origin is shown: after the first hop its path and query may be a signature. */
export function refused(from: URL, reason: string): LarderError {
  return new LarderError("REDIRECT", `Cannot follow a redirect of ${from.origin}: ${reason}`, {
    hint: "Give the final address of the file, or another mirror.",
    details: { origin: from.origin },
  });
}
