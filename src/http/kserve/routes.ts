import { z } from "zod";
import { BUILD, LarderError } from "../../core/index.ts";
import type { Library, ModelTarget } from "../../library/index.ts";
import { type Exchange, REQUEST_ID } from "../exchange.ts";
import type { AccessGuard } from "../guard/access.ts";
import { checkContent, type InferBodies, parseJson } from "../infer/bodies.ts";
import { servedHeaders } from "../infer/served.ts";
import { NoRouteError } from "../problem.ts";
import { checkBody } from "../validate.ts";
import { inferAnswer } from "./infer-answer.ts";
import {
  HEADER_LENGTH,
  type InferRequest,
  inferRequestOfBytes,
  inferRequestOfJson,
} from "./infer-request.ts";
import { modelMetadata, repositoryIndex, serverMetadata } from "./metadata.ts";
import { type KserveTarget, parseKserveTarget } from "./target.ts";

/** For the log and the counters. */
const ROUTES: Readonly<Record<KserveTarget["kind"], string>> = {
  server: "/v2",
  live: "/v2/health/live",
  ready: "/v2/health/ready",
  metadata: "/v2/models/{model}",
  modelReady: "/v2/models/{model}/ready",
  infer: "/v2/models/{model}/infer",
  index: "/v2/repository/index",
  load: "/v2/repository/models/{model}/load",
  unload: "/v2/repository/models/{model}/unload",
};

/** Health is open to everybody who reaches the port. Who may infer may load; unloading takes a model away from others. */
const SCOPES = {
  server: "read",
  live: undefined,
  ready: undefined,
  metadata: "read",
  modelReady: "read",
  infer: "infer",
  index: "read",
  load: "infer",
  unload: "admin",
} as const satisfies Readonly<Record<KserveTarget["kind"], string | undefined>>;

const POSTS: ReadonlySet<KserveTarget["kind"]> = new Set(["infer", "index", "load", "unload"] as const);

/** Clients of the protocol often name no type; what a page could send without asking first has one. */
const TYPES = new Set(["application/json", "application/octet-stream", null]);

/** The protocol's answer to a question for readiness is the status: 200, or one of 4xx. */
const NOT_READY = 400;

const indexBody = z.object({ ready: z.boolean("true or false").optional() });
/** Dependents there are none; anything else that a model could be loaded with would change what it is. */
const loadBody = z.object({
  parameters: z.strictObject({ unload_dependents: z.boolean("true or false").optional() }).optional(),
});

export interface KserveRoutesOptions {
  readonly library: Pick<Library, "health" | "models">;
  readonly access: AccessGuard;
  readonly bodies: InferBodies;
}

/**
 * The open inference protocol, version 2, over HTTP, with the extensions for binary tensors and for the model repository. Beside Hono,
 * because with a small model the chain of middleware is a good part of all the work.
 *
 * @see https://github.com/kserve/open-inference-protocol specification/protocol/inference_rest.md
 */
export class KserveRoutes {
  readonly #library: KserveRoutesOptions["library"];
  readonly #access: AccessGuard;
  readonly #bodies: InferBodies;

  constructor({ library, access, bodies }: KserveRoutesOptions) {
    this.#library = library;
    this.#access = access;
    this.#bodies = bodies;
  }

  /**
   * @param path Of the address, still encoded.
   * @throws {LarderError} and NoRouteError, as the dialect's.
   */
  answer(request: Request, path: string, exchange: Exchange): Response | Promise<Response> {
    const target = parseKserveTarget(path);
    if (target === undefined) throw new NoRouteError([]);
    exchange.route = ROUTES[target.kind];
    const methods = POSTS.has(target.kind) ? ["POST"] : ["GET", "HEAD"];
    if (!methods.includes(request.method)) throw new NoRouteError(methods);
    const scope = SCOPES[target.kind];
    if (scope !== undefined) this.#access.check(request, exchange.peer, scope);
    if (request.method === "POST") checkContent(request, TYPES);
    const response = this.#serve(target, request, exchange);
    return request.method === "HEAD" ? withoutBody(response) : response;
  }

  #serve(target: KserveTarget, request: Request, exchange: Exchange): Response | Promise<Response> {
    switch (target.kind) {
      case "infer":
        return this.#infer(target.target, request, exchange);
      case "server":
        return json(exchange, serverMetadata(BUILD.version));
      case "live":
        return json(exchange, { live: true });
      case "ready":
        return this.#ready(exchange);
      case "metadata":
        return this.#metadata(target.target, exchange);
      case "modelReady":
        return this.#modelReady(target.target, exchange);
      case "index":
        return this.#index(request, exchange);
      case "load":
        return this.#load(target.target, request, exchange);
      case "unload":
        return this.#unload(target.target, request, exchange);
    }
  }

  #infer(target: ModelTarget, request: Request, { id }: Exchange): Promise<Response> {
    const infer = async (asked: InferRequest) => {
      const { inputs, outputs } = asked;
      const result = await this.#library.models.infer(target, inputs, outputs, { signal: request.signal });
      return inferAnswer(result, asked, id);
    };
    const headerLength = request.headers.get(HEADER_LENGTH);
    return headerLength === null
      ? this.#bodies.withText(request, async (text) => await infer(inferRequestOfJson(parseJson(text))))
      : this.#bodies.withBytes(
        request,
        async (bytes) => await infer(inferRequestOfBytes(bytes, headerLength)),
      );
  }

  async #ready(exchange: Exchange): Promise<Response> {
    const { ready } = await this.#library.health();
    return json(exchange, { live: true, ready }, ready ? 200 : NOT_READY);
  }

  async #metadata(target: ModelTarget, exchange: Exchange): Promise<Response> {
    const metadata = await this.#library.models.metadata(target);
    return json(exchange, modelMetadata(metadata), 200, servedHeaders(metadata));
  }

  /** In memory. Of a model without a version any one is enough: it answers while another one is loaded. */
  async #modelReady(target: ModelTarget, exchange: Exchange): Promise<Response> {
    const { models } = this.#library;
    const versions = await models.loadable(target.model);
    if (versions.length === 0) {
      throw new LarderError("MODEL_NOT_FOUND", `Cannot find model ${target.model}`, { field: "model" });
    }
    const meant = target.version === undefined ? undefined : (await models.metadata(target)).version;
    const ready = versions.some((one) => one.version === (meant ?? one.version) && one.state === "ready");
    return json(exchange, { name: target.model, ready }, ready ? 200 : NOT_READY);
  }

  #index(request: Request, exchange: Exchange): Promise<Response> {
    return this.#bodies.withText(request, async (text) => {
      const { ready = false } = checkBody(indexBody, optionalJson(text));
      return json(exchange, repositoryIndex(await this.#library.models.loadable(), ready));
    });
  }

  #load(target: ModelTarget, request: Request, exchange: Exchange): Promise<Response> {
    return this.#bodies.withText(request, async (text) => {
      checkBody(loadBody, optionalJson(text));
      const by = await this.#library.models.load(target, { signal: request.signal });
      return json(exchange, {}, 200, servedHeaders(by));
    });
  }

  #unload(target: ModelTarget, request: Request, exchange: Exchange): Promise<Response> {
    return this.#bodies.withText(request, async (text) => {
      checkBody(loadBody, optionalJson(text));
      await this.#library.models.unload(target);
      return json(exchange, {});
    });
  }
}

function optionalJson(text: string): unknown {
  return text === "" ? {} : parseJson(text);
}

async function withoutBody(response: Response | Promise<Response>): Promise<Response> {
  return new Response(null, await response);
}

function json(
  { id }: Exchange,
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      [REQUEST_ID]: id,
      ...headers,
    },
  });
}
