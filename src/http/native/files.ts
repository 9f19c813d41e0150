import { isLarderError } from "../../core/index.ts";
import type { Library, ServedFile } from "../../library/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import { type Exchange, REQUEST_ID } from "../exchange.ts";
import { answerFile, blobBody, cacheControl } from "../file/answer.ts";
import { BodyCache } from "../file/body-cache.ts";
import type { AccessGuard } from "../guard/access.ts";
import { NoRouteError, problemResponse } from "../problem.ts";
import { type FileTarget, findFileTarget, unknownModel } from "../target.ts";

const TEMPLATE = "/api/files/{model}/{version}/{path}";

/**
 * `GET /api/files/{model}/{version}/{path}`. Beside Hono and not a route of it, because for small files the chain of
 * middleware is a good part of all the work.
 */
export class FileRoute {
  readonly #library: Pick<Library, "hasModel" | "serveFile">;
  readonly #access: AccessGuard;
  readonly #metrics: Metrics;
  readonly #cache = new BodyCache();
  readonly #hasModel: (model: string) => boolean;

  constructor({ library, access, metrics }: {
    readonly library: Pick<Library, "hasModel" | "serveFile">;
    readonly access: AccessGuard;
    readonly metrics: Metrics;
  }) {
    this.#library = library;
    this.#access = access;
    this.#metrics = metrics;
    this.#hasModel = (model) => library.hasModel(model);
  }

  /** @param path The path of the address, still encoded. */
  answer(request: Request, path: string, exchange: Exchange): Response | Promise<Response> {
    exchange.route = TEMPLATE;
    if (request.method !== "GET" && request.method !== "HEAD") throw new NoRouteError(["GET", "HEAD"]);
    this.#access.check(request, exchange.peer, "read");
    const target = findFileTarget(path, this.#hasModel);
    if (target === undefined) throw unknownModel(path);
    const found = this.#find(path, target);
    const send = (file: Found) => this.#send(request, exchange, file);
    return found instanceof Promise ? found.then(send) : send(found);
  }

  close(): void {
    this.#cache.close();
  }

  /** A model may be named like another one's first part: what the longer name does not have, the shorter one may. */
  #find(path: string, target: FileTarget): Found | Promise<Found> {
    const other = (error: unknown) => {
      const shorter = isAbsent(error)
        ? findFileTarget(path, this.#hasModel, target.modelSegments - 1)
        : undefined;
      if (shorter === undefined) throw error;
      return this.#find(path, shorter);
    };
    try {
      const served = this.#library.serveFile(target.model, target.version, target.path);
      if (!(served instanceof Promise)) return { served, path: target.path };
      return served.then((file) => ({ served: file, path: target.path }), other);
    } catch (error) {
      return other(error);
    }
  }

  #send({ method, headers }: Request, { id }: Exchange, { served, path }: Found): Response {
    const { response, bytes } = answerFile({
      method,
      conditions: headers,
      range: headers.get("range"),
      sizeBytes: served.sizeBytes,
      body: blobBody(served, this.#cache),
      path,
      etag: `"${served.digest}"`,
      headers: { [REQUEST_ID]: id, "cache-control": cacheControl(served.immutable) },
      refuse: (error, more) => problemResponse(error, id, more),
    });
    this.#metrics.countFileBytes(bytes);
    return response;
  }
}

interface Found {
  readonly served: ServedFile;
  readonly path: string;
}

function isAbsent(error: unknown): boolean {
  return isLarderError(error, "VERSION_NOT_FOUND") || isLarderError(error, "FILE_NOT_FOUND") ||
    isLarderError(error, "MODEL_NOT_FOUND");
}
