import type { Models, ServedBy } from "../../library/index.ts";
import { type Exchange, REQUEST_ID } from "../exchange.ts";
import type { AccessGuard } from "../guard/access.ts";
import { checkContent, type InferBodies, parseJson } from "../infer/bodies.ts";
import { servedHeaders } from "../infer/served.ts";
import { NoRouteError } from "../problem.ts";
import { checkBody } from "../validate.ts";
import {
  batchPredictBody,
  batchPredictRequest,
  callOptions,
  predictBody,
  predictRequest,
} from "./predict-body.ts";

const PREDICT = "/api/v1/predict";
const BATCH_PREDICT = "/api/v1/batch_predict";

/** Anything else a page of another site might send without asking first. */
const TYPES = new Set(["application/json"]);

export interface PredictRouteOptions {
  readonly models: Pick<Models, "predict" | "batchPredict">;
  readonly access: AccessGuard;
  readonly bodies: InferBodies;
}

/**
 * `POST /api/v1/predict` and `/api/v1/batch_predict`. Beside Hono and not routes of it, because with a small model the chain of
 * middleware is a good part of all the work.
 */
export class PredictRoute {
  readonly #models: PredictRouteOptions["models"];
  readonly #access: AccessGuard;
  readonly #bodies: InferBodies;

  constructor({ models, access, bodies }: PredictRouteOptions) {
    this.#models = models;
    this.#access = access;
    this.#bodies = bodies;
  }

  static has(path: string): boolean {
    return path === PREDICT || path === BATCH_PREDICT;
  }

  /** @param path One that {@link has} knows. */
  answer(request: Request, path: string, exchange: Exchange): Promise<Response> {
    exchange.route = path;
    if (request.method !== "POST") throw new NoRouteError(["POST"]);
    this.#access.check(request, exchange.peer, "infer");
    checkContent(request, TYPES);
    const ask = path === PREDICT ? this.#predict : this.#batchPredict;
    return this.#bodies.withText(request, async (text) => {
      const view = await ask.call(this, parseJson(text), request);
      const headers = servedHeaders(view);
      headers["content-type"] = "application/json";
      headers[REQUEST_ID] = exchange.id;
      return new Response(JSON.stringify(view), { headers });
    });
  }

  #predict(given: unknown, { signal }: Request): Promise<ServedBy> {
    const body = checkBody(predictBody, given);
    return this.#models.predict(predictRequest(body), callOptions(body.deadline_ms, signal));
  }

  #batchPredict(given: unknown, { signal }: Request): Promise<ServedBy> {
    const body = checkBody(batchPredictBody, given);
    return this.#models.batchPredict(batchPredictRequest(body), callOptions(body.deadline_ms, signal));
  }
}
