import { hubAnswer } from "./hub-errors.ts";
import { readTreePage } from "./hub-schemas.ts";
import type { HubFile } from "./types.ts";

export interface TreeLimits {
  readonly files: number;
  readonly pages: number;
  readonly bytes: number;
}

/** No repository has so much: the hub's own advice is to stay below 100,000 files, which are 100 pages of about 300 KB. */
const LIMITS: TreeLimits = { files: 1_000_000, pages: 20_000, bytes: 512 * 2 ** 20 };

export interface TreePage {
  readonly bytes: Uint8Array;
  /** The header `Link`. */
  readonly link: string | null;
}

/**
 * All files of a tree, page by page.
 *
 * @param first The address of the first page. What follows must lie on the same origin.
 * @throws {LarderError} HUB_ANSWER A path twice, pages in a circle or elsewhere, more than anybody has; whatever `fetchPage` throws.
 */
export async function readTree(
  first: URL,
  fetchPage: (url: URL) => Promise<TreePage>,
  limits: TreeLimits = LIMITS,
): Promise<HubFile[]> {
  const files = new Map<string, HubFile>();
  const seen = new Set<string>();
  const refuse = (what: string) => hubAnswer(first.origin, what);
  let bytesRead = 0;
  for (let url: URL | undefined = first; url !== undefined;) {
    if (seen.has(url.href)) throw refuse("pages of files that go in a circle");
    seen.add(url.href);
    const page = await fetchPage(url);
    bytesRead += page.bytes.byteLength;
    for (const file of readTreePage(page.bytes, first.origin)) {
      if (files.has(file.path)) throw refuse(`the path ${JSON.stringify(file.path)} twice`);
      files.set(file.path, file);
    }
    if (files.size > limits.files || seen.size > limits.pages || bytesRead > limits.bytes) {
      throw refuse("more files than a repository can have");
    }
    url = nextPage(page.link, url);
  }
  return [...files.values()];
}

/** @see RFC 8288 §3: `<address>; rel="next"`. */
function nextPage(link: string | null, from: URL): URL | undefined {
  for (const [, target = "", parameters = ""] of (link ?? "").matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (!/;\s*rel="?next"?(?=[;,\s]|$)/i.test(parameters)) continue;
    const next = URL.parse(target, from.href);
    if (next === null || next.origin !== from.origin) {
      throw hubAnswer(from.origin, "the next page of files lies elsewhere");
    }
    next.hash = "";
    return next;
  }
  return undefined;
}
