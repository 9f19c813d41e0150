import type { HubServing, Library } from "../../library/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import { blobChunks } from "../blob-chunks.ts";
import type { Dialect } from "../dialect.ts";
import type { Exchange } from "../exchange.ts";
import type { FileAnswer } from "../file/answer.ts";
import { BodyCache } from "../file/body-cache.ts";
import { AccessGuard } from "../guard/access.ts";
import { NoRouteError } from "../problem.ts";
import { type HubExchange, jsonAnswer } from "./answers.ts";
import { infoAnswer, listAnswer } from "./info.ts";
import { pathsInfoAnswer, treeAnswer } from "./listings.ts";
import { manifestAnswer } from "./manifest.ts";
import { hubRefusal } from "./refusal.ts";
import { refsAnswer } from "./refs.ts";
import { resolveFile, type ResolveTarget } from "./resolve.ts";
import { type HubTarget, parseHubTarget } from "./target.ts";
import { Trees } from "./tree.ts";

export interface HubDialectOptions {
  readonly library: Pick<Library, "hasModel" | "serveFile" | "scopesOf" | "isOpen">;
  readonly serving: HubServing;
  readonly metrics: Metrics;
  readonly config: { readonly host: string; readonly bodyBytesMax: number };
}

/** For the log and the counters. Each begins with the dialect: the API has routes of the same look. */
const ROUTES: Readonly<Record<HubTarget["kind"], string>> = {
  file: "hub:/{model}/resolve/{revision}/{path}",
  list: "hub:/api/{kind}",
  info: "hub:/api/{kind}/{model}",
  revision: "hub:/api/{kind}/{model}/revision/{revision}",
  tree: "hub:/api/{kind}/{model}/tree/{revision}/{path}",
  "paths-info": "hub:/api/{kind}/{model}/paths-info/{revision}",
  refs: "hub:/api/{kind}/{model}/refs",
  "auth-check": "hub:/api/{kind}/{model}/auth-check",
  manifest: "hub:/v2/{model}/manifests/{tag}",
  chunks: "hub:/api/blobs/{sha256}/chunks",
  whoami: "hub:/api/whoami-v2",
};

/**
 * What is here, as the Hugging Face hub would give it, so that its clients and other larders can pull from this one. Without xet:
 * every file comes from this address, whole or by range.
 */
export class HubDialect implements Dialect {
  readonly #library: HubDialectOptions["library"];
  readonly #serving: HubServing;
  readonly #metrics: Metrics;
  readonly #bodyBytesMax: number;
  readonly #access: AccessGuard;
  readonly #cache = new BodyCache();
  readonly #trees = new Trees();
  readonly #hasModel: (model: string) => boolean;

  constructor({ library, serving, metrics, config }: HubDialectOptions) {
    this.#library = library;
    this.#serving = serving;
    this.#metrics = metrics;
    this.#bodyBytesMax = config.bodyBytesMax;
    // The hub's clients send their hub's token to whatever endpoint they are given: it says nothing here.
    this.#access = new AccessGuard({ library, host: config.host, foreign: "ignore" });
    this.#hasModel = (model) => library.hasModel(model);
  }

  answer(request: Request, path: string, exchange: Exchange): Response | Promise<Response> {
    const target = parseHubTarget(path, this.#hasModel);
    if (target === undefined) throw new NoRouteError([]);
    exchange.route = ROUTES[target.kind];
    const methods = target.kind === "paths-info" ? ["POST"] : ["GET", "HEAD"];
    if (!methods.includes(request.method)) throw new NoRouteError(methods);
    if (target.kind === "whoami") this.#access.checkKnown(request, exchange.peer, "read");
    else this.#access.check(request, exchange.peer, "read");
    return this.#route(target, { request, requestId: exchange.id });
  }

  refuse(error: unknown, requestId: string): Response {
    return hubRefusal(error, requestId);
  }

  isQuiet(route: string): boolean {
    return route === ROUTES.file;
  }

  close(): void {
    this.#cache.close();
  }

  #route(target: HubTarget, exchange: HubExchange): Response | Promise<Response> {
    const serving = this.#serving;
    const deps = { serving, trees: this.#trees };
    switch (target.kind) {
      case "file":
        return this.#file(exchange, target);
      case "list":
        return listAnswer(serving, exchange, target.repoKind);
      case "info":
      case "revision":
        return infoAnswer(serving, exchange, target);
      case "tree":
        return treeAnswer(deps, exchange, target);
      case "paths-info":
        return pathsInfoAnswer(deps, exchange, target, this.#bodyBytesMax);
      case "refs":
        return refsAnswer(serving, exchange, target.model);
      case "auth-check":
        serving.refs(target.model);
        return jsonAnswer(exchange, {});
      case "manifest":
        return manifestAnswer(serving, exchange, target);
      case "chunks":
        return jsonAnswer(exchange, blobChunks(serving, target.sha256));
      case "whoami":
        return jsonAnswer(exchange, WHO);
    }
  }

  #file(exchange: HubExchange, target: ResolveTarget): Response | Promise<Response> {
    const deps = { library: this.#library, serving: this.#serving, cache: this.#cache };
    const count = ({ response, bytes }: FileAnswer) => {
      this.#metrics.countFileBytes(bytes);
      return response;
    };
    const answer = resolveFile(deps, exchange, target);
    return answer instanceof Promise ? answer.then(count) : count(answer);
  }
}

/** Tokens here belong to nobody by name. */
const WHO = {
  type: "user",
  id: "larder",
  name: "larder",
  fullname: "larder",
  email: null,
  emailVerified: false,
  isPro: false,
  canPay: false,
  orgs: [],
  auth: { type: "access_token", accessToken: { displayName: "larder", role: "read" } },
};
