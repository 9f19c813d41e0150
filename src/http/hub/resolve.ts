import { LarderError } from "../../core/index.ts";
import {
  type HubServedFile,
  type HubServing,
  type HubSnapshot,
  lfsPointer,
  type Library,
  type ServedFile,
} from "../../library/index.ts";
import { REQUEST_ID } from "../exchange.ts";
import { answerFile, blobBody, cacheControl, type FileAnswer, type FileBody } from "../file/answer.ts";
import type { BodyCache } from "../file/body-cache.ts";
import type { HubExchange } from "./answers.ts";
import { hubRefusal } from "./refusal.ts";
import { splitRevision } from "./target.ts";

export interface ResolveDeps {
  readonly library: Pick<Library, "serveFile">;
  readonly serving: HubServing;
  readonly cache: BodyCache;
}

export interface ResolveTarget {
  readonly model: string;
  /** The repository's own text is asked for: of a file in LFS the pointer. */
  readonly raw: boolean;
  readonly rest: readonly string[];
}

interface Found {
  readonly snapshot: HubSnapshot;
  readonly file: HubServedFile;
  /** The address names a commit or a version: its answer never changes. */
  readonly isImmutable: boolean;
}

/** One file, directly: a client that is sent elsewhere may leave its token there or ask in other words. */
export function resolveFile(
  deps: ResolveDeps,
  exchange: HubExchange,
  target: ResolveTarget,
): FileAnswer | Promise<FileAnswer> {
  const found = findFile(deps.serving, target);
  const { file, snapshot: { model, version } } = found;
  if (target.raw && file.pointerBytes !== undefined) return answerPointer(exchange, found);
  const served = deps.library.serveFile(model, version, file.path);
  const send = (it: ServedFile) => {
    const etag = file.pointerBytes === undefined ? file.gitOid : file.sha256;
    return answer(exchange, found, { etag, sizeBytes: it.sizeBytes, body: blobBody(it, deps.cache) });
  };
  return served instanceof Promise ? served.then(send) : send(served);
}

/** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, FILE_NOT_FOUND */
function findFile(serving: HubServing, { model, rest }: ResolveTarget): Found {
  const { revision, path } = splitRevision(serving, model, rest);
  const snapshot = serving.snapshot(model, revision);
  const file = snapshot.files.get(path);
  if (file === undefined) throw noEntry(snapshot, path);
  return { snapshot, file, isImmutable: revision === snapshot.commit || revision === snapshot.version };
}

export function noEntry({ commit, model, version }: HubSnapshot, path: string): LarderError {
  return new LarderError("FILE_NOT_FOUND", `Cannot find ${JSON.stringify(path)} in ${model}@${version}`, {
    field: "path",
    details: { commit },
  });
}

function answerPointer(exchange: HubExchange, found: Found): FileAnswer {
  const bytes = new TextEncoder().encode(lfsPointer(found.file));
  return answer(exchange, found, {
    etag: found.file.gitOid,
    sizeBytes: bytes.byteLength,
    body: ({ start, end }) => bytes.slice(start, end),
  });
}

interface Content {
  /** Without quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  readonly body: FileBody;
}

function answer(
  { request: { method, headers }, requestId }: HubExchange,
  found: Found,
  content: Content,
): FileAnswer {
  const { sizeBytes, body } = content;
  const etag = `"${content.etag}"`;
  const range = headers.get("range");
  const isWholeAnyway = sizeBytes === 0 && range !== null && FROM_START.test(range);
  return answerFile({
    ...{ method, conditions: headers, range: isWholeAnyway ? null : range, path: found.file.path },
    ...{ sizeBytes, body, etag },
    headers: {
      [REQUEST_ID]: requestId,
      "cache-control": cacheControl(found.isImmutable),
      "x-repo-commit": found.snapshot.commit,
      "x-linked-etag": etag,
      "x-linked-size": String(sizeBytes),
      ...(isWholeAnyway ? { "content-range": "bytes */0" } : {}),
    },
    refuse: (error, more) => hubRefusal(error, requestId, more),
  });
}

/**
 * Clients ask for the first byte to learn the length. An empty file has none, and 416 they take for a failure or a missing file;
 * with all of it, which is nothing, and the total where they look for it, every one of them goes on.
 */
const FROM_START = /^bytes=0-\d*$/i;
