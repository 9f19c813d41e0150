import { BUILD, CHUNK_BYTES, sha256 } from "../../core/index.ts";
import type { RepoInfo, RepoKind } from "../../hub/index.ts";
import type { HubRevision, HubServedFile, HubServing } from "../../library/index.ts";
import { cursorOf, flagOf, type HubExchange, jsonAnswer, limitOf, nextLink, queryOf } from "./answers.ts";

const PAGE_MAX = 1000;
/** In every answer, whatever a client asks to see. */
const ALWAYS: ReadonlySet<string> = new Set(["_id", "id", "modelId", "larder"]);

export interface InfoTarget {
  readonly model: string;
  /** Absent: the default branch. */
  readonly rest?: readonly string[];
}

/** `GET /api/{kind}s/{id}[/revision/{revision}]` */
export function infoAnswer(
  serving: HubServing,
  exchange: HubExchange,
  { model, rest }: InfoTarget,
): Response {
  const snapshot = serving.snapshot(model, rest?.join("/") ?? "main");
  const query = queryOf(exchange);
  const withBlobs = flagOf(query, "blobs");
  const siblings = [...snapshot.files.values()].map((file) => sibling(file, withBlobs));
  return jsonAnswer(
    exchange,
    selected({ ...infoOf(snapshot, serving.info(model, snapshot.version)), siblings }, expandOf(query)),
  );
}

/**
 * `GET /api/{kind}s?search&author&limit&full`. Without tags and tasks: looking them up for hundreds of models would keep everybody
 * else waiting.
 */
export function listAnswer(serving: HubServing, exchange: HubExchange, kind: RepoKind): Response {
  const query = queryOf(exchange);
  const expand = expandOf(query);
  const { models, next } = serving.models({
    kind,
    search: query.get("search") ?? undefined,
    author: query.get("author") ?? undefined,
    limit: limitOf(query, PAGE_MAX),
    after: cursorOf(query),
  });
  const withFiles = flagOf(query, "full") || expand?.has("siblings");
  const infos = models.map((revision) => {
    if (!withFiles) return infoOf(revision, undefined);
    const { files } = serving.snapshot(revision.model, revision.commit);
    return {
      ...infoOf(revision, undefined),
      siblings: [...files.values()].map((file) => sibling(file, false)),
    };
  });
  const link = next === undefined ? {} : nextLink(exchange, next);
  return jsonAnswer(exchange, infos.map((info) => selected(info, expand)), link);
}

function infoOf({ model, commit, createdAtS }: HubRevision, info: RepoInfo | undefined) {
  const id = model.replace(/^(?:datasets|spaces)\//, "");
  const author = id.includes("/") ? { author: id.slice(0, id.indexOf("/")) } : {};
  return {
    // The hub's own number of a repository, which does not change.
    _id: sha256(model).slice(0, 24),
    id,
    modelId: id,
    ...author,
    sha: commit,
    private: false,
    gated: false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: info?.tags ?? [],
    ...(info?.pipelineTask ? { pipeline_tag: info.pipelineTask } : {}),
    ...(info?.libraryName ? { library_name: info.libraryName } : {}),
    ...(info?.license ? { cardData: { license: info.license } } : {}),
    createdAt: dateOf(createdAtS),
    lastModified: dateOf(info?.lastModified ?? createdAtS),
    // By this another larder knows that it may ask for the digests of chunks.
    larder: { version: BUILD.version, chunk_bytes: CHUNK_BYTES },
  };
}

function sibling({ path, sizeBytes, gitOid, sha256, pointerBytes }: HubServedFile, withBlobs: boolean) {
  if (!withBlobs) return { rfilename: path };
  const blob = { rfilename: path, size: sizeBytes, blobId: gitOid };
  return pointerBytes === undefined
    ? blob
    : { ...blob, lfs: { sha256, size: sizeBytes, pointerSize: pointerBytes } };
}

/** With `expand` a client names the members that it wants; without, it gets all. */
function selected(info: Readonly<Record<string, unknown>>, expand: ReadonlySet<string> | undefined): unknown {
  if (expand === undefined) return info;
  return Object.fromEntries(Object.entries(info).filter(([key]) => ALWAYS.has(key) || expand.has(key)));
}

function expandOf(query: URLSearchParams): ReadonlySet<string> | undefined {
  const names = [...query.getAll("expand"), ...query.getAll("expand[]")];
  return names.length === 0 ? undefined : new Set(names);
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
