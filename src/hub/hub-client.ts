import {
  type Backoff,
  type ByteRange,
  type Clock,
  DEFAULT_BACKOFF,
  isLarderError,
  LarderError,
  parseContentRange,
  parseFilePath,
  systemClock,
} from "../core/index.ts";
import type { NetClient } from "../net/index.ts";
import { type AskDeps, askHub, type HubReply } from "./ask-hub.ts";
import { type Endpoint, firstAnswer, parseEndpoints } from "./endpoints.ts";
import { hubAnswer, type Subject } from "./hub-errors.ts";
import { readInfo, type RevisionInfo } from "./hub-schemas.ts";
import { apiPath, filePath, formatRepoName, parseRepoId, parseRevision } from "./repo-name.ts";
import { readTree } from "./tree-pages.ts";
import type { HubClient, ReadOptions, RepoListing, RepoName } from "./types.ts";

export interface HubClientOptions {
  readonly net: NetClient;
  /** The hub, then its mirrors. */
  readonly endpoints: readonly string[];
  /** Asked before each request; sent to the first endpoint's origin and to no other. */
  readonly token?: () => string | undefined;
  readonly clock?: Clock;
  /** How often one request is tried at one endpoint. */
  readonly tries?: number;
  readonly backoff?: Backoff;
  readonly random?: () => number;
  /** Longest silence within an answer, in milliseconds. */
  readonly stallMs?: number;
}

const PAGE_BYTES_MAX = 64 * 2 ** 20;
const READ_BYTES_MAX = 16 * 2 ** 20;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * A client of the Hugging Face hub's dialect, for the hub and its mirrors.
 *
 * @throws {LarderError} CONFIG An endpoint is not an address.
 */
export function createHubClient(options: HubClientOptions): HubClient {
  const endpoints = parseEndpoints(options.endpoints);
  const deps: AskDeps = {
    net: options.net,
    clock: options.clock ?? systemClock,
    token: options.token ?? (() => undefined),
    tries: options.tries ?? 3,
    backoff: options.backoff ?? DEFAULT_BACKOFF,
    random: options.random ?? Math.random,
    stallMs: options.stallMs ?? 30_000,
  };
  return {
    async scan(repo, revision, signal) {
      const about = subject(repo, revision);
      return await firstAnswer(endpoints, (endpoint) => scanOne(deps, endpoint, about, signal), signal);
    },
    async commitOf(repo, revision, signal) {
      const about = subject(repo, revision);
      return await firstAnswer(
        endpoints,
        async (endpoint) => (await revisionInfo(deps, endpoint, about, signal)).commit,
        signal,
      );
    },
    resolveUrls({ repo, commit }, path) {
      const below = filePath(subject(repo, commit).repo, commit, parseFilePath(path));
      return endpoints.map(({ base }) => `${base}/${below}`);
    },
    async read(at, path, readOptions = {}) {
      const about = { ...subject(at.repo, at.commit), path: parseFilePath(path) };
      return await firstAnswer(
        endpoints,
        (endpoint) => readOne(deps, endpoint, about, readOptions),
        readOptions.signal,
      );
    },
  };
}

/** @throws {LarderError} BAD_NAME */
function subject(repo: RepoName, revision = "main"): Subject {
  return { repo: { kind: repo.kind, id: parseRepoId(repo.id) }, revision: parseRevision(revision) };
}

async function scanOne(
  deps: AskDeps,
  endpoint: Endpoint,
  about: Subject,
  signal: AbortSignal | undefined,
): Promise<RepoListing> {
  const { id, commit, ...said } = await revisionInfo(deps, endpoint, about, signal);
  const repo = { kind: about.repo.kind, id: id ?? about.repo.id };
  const first = new URL(`${endpoint.base}/${apiPath(repo)}/tree/${commit}?recursive=true&expand=false`);
  const files = await readTree(first, async (url) => {
    const { bytes, headers } = await askHub(deps, endpoint, { url, about, bytesMax: PAGE_BYTES_MAX, signal });
    return { bytes, link: headers.get("link") };
  });
  return { repo, revision: about.revision, commit, ...said, files, endpoint: endpoint.base };
}

async function revisionInfo(
  deps: AskDeps,
  endpoint: Endpoint,
  about: Subject,
  signal: AbortSignal | undefined,
): Promise<RevisionInfo> {
  const { repo, revision } = about;
  const url = new URL(`${endpoint.base}/${apiPath(repo)}/revision/${encodeURIComponent(revision)}`);
  const { bytes } = await askHub(deps, endpoint, { url, about, bytesMax: PAGE_BYTES_MAX, signal });
  const found = readInfo(bytes, endpoint.origin);
  if (COMMIT.test(revision) && found.commit !== revision) {
    throw hubAnswer(endpoint.origin, `asked for commit ${revision}, it tells of ${found.commit}`);
  }
  checkId(found.id, endpoint.origin);
  return found;
}

function checkId(id: string | undefined, origin: string): void {
  try {
    if (id !== undefined) parseRepoId(id);
  } catch (error) {
    if (!isLarderError(error, "BAD_NAME")) throw error;
    throw hubAnswer(origin, "a repository whose name is none", error);
  }
}

async function readOne(
  deps: AskDeps,
  endpoint: Endpoint,
  about: Subject & { readonly path: string },
  { range, bytesMax = READ_BYTES_MAX, signal }: ReadOptions,
): Promise<Uint8Array> {
  const reply = await askHub(deps, endpoint, {
    url: new URL(`${endpoint.base}/${filePath(about.repo, about.revision, about.path)}`),
    about,
    headers: range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` },
    bytesMax: range === undefined ? bytesMax : range.end - range.start,
    // A server without ranges begins with the first byte: that far it gives what was asked for.
    beyond: range?.start === 0 ? "leave" : "refuse",
    signal,
  });
  checkRange(reply, range, endpoint.origin, about);
  return reply.bytes;
}

function checkRange(
  { status, headers, bytes }: HubReply,
  asked: ByteRange | undefined,
  origin: string,
  { repo, path }: Subject,
): void {
  if (status === 200 && (asked === undefined || asked.start === 0)) return;
  const given = parseContentRange(headers.get("content-range"))?.range;
  const fits = asked !== undefined && given !== undefined && given.start === asked.start &&
    given.end <= asked.end &&
    bytes.byteLength === given.end - given.start;
  if (fits) return;
  throw new LarderError(
    "RANGE_MISMATCH",
    `Cannot read ${JSON.stringify(path)} of ${formatRepoName(repo)}: ${origin} sent another part`,
    {
      hint: "Name a mirror that answers ranges as asked.",
      details: { origin },
    },
  );
}
