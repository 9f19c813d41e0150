import type { OriginFile } from "./origin.ts";

type Headers = Readonly<Record<string, string>>;

export function json(value: unknown, headers: Headers = {}, status = 200): OriginFile {
  return whole(status, JSON.stringify(value), {
    "Content-Type": "application/json; charset=utf-8",
    ...headers,
  });
}

export function redirect(status: 302 | 307, location: string, headers: Headers = {}): OriginFile {
  const text = `${status === 302 ? "Found" : "Temporary Redirect"}. Redirecting to ${location}`;
  return whole(status, text, { "Content-Type": "text/plain; charset=utf-8", ...headers, Location: location });
}

export function notModified(etag: string, headers: Headers): OriginFile {
  return { ...whole(304, "", headers), etag };
}

/** An error in the form of S3. */
export function storageError(status: number, code: string, message: string): OriginFile {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return whole(status, text, { "Content-Type": "application/xml" });
}

/** Why the hub does not answer. Not every refusal has a code. */
export interface Refusal {
  readonly status: number;
  readonly code?: string;
  readonly message: string;
}

export function refuse({ status, code, message }: Refusal, headers: Headers = {}): OriginFile {
  const named = code === undefined ? {} : { "X-Error-Code": code };
  return json({ error: message }, { ...named, "X-Error-Message": message, ...headers }, status);
}

/** What the hub says to whom may not know whether the repository exists. */
export const UNKNOWN_CALLER: Refusal = { status: 401, message: "Invalid username or password." };
export const BAD_TOKEN: Refusal = { status: 401, message: "Invalid credentials in Authorization header" };
export const NO_REPOSITORY: Refusal = { status: 404, code: "RepoNotFound", message: "Repository not found" };
export const NO_ENTRY: Refusal = { status: 404, code: "EntryNotFound", message: "Entry not found" };
export const NO_PAGE: Refusal = { status: 404, message: "No such page" };
export const NO_METHOD: Refusal = { status: 405, message: "Not for this method" };
export const BAD_REQUEST: Refusal = { status: 400, message: "Bad request" };
export const TOO_MANY: Refusal = { status: 429, message: "Too many requests" };
/** Clients compare this text. */
export const DISABLED: Refusal = { status: 403, message: "Access to this resource is disabled." };

export function noRevision(revision: string): Refusal {
  return { status: 404, code: "RevisionNotFound", message: `Invalid rev id: ${revision}` };
}

function whole(status: number, text: string, headers: Headers): OriginFile {
  return { content: Buffer.from(text), etag: undefined, ranges: false, headers, status };
}
