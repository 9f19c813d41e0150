import OpenAI from "openai";
import { type HttpServer, startHttp } from "../../../src/http/index.ts";
import { CONFIG, post } from "../setup.ts";
import { StandInLibrary } from "../stand-in.ts";
import { StandInModels } from "./stand-in-models.ts";

export interface Running extends AsyncDisposable {
  readonly models: StandInModels;
  readonly library: StandInLibrary;
  readonly server: HttpServer;
  readonly get: (target: string, init?: RequestInit) => Promise<Response>;
  readonly ask: (target: string, body: unknown, init?: RequestInit) => Promise<Response>;
  /** The dialect's own client, with a key as its users have it for a server that asks for none. */
  readonly client: (options?: { readonly apiKey?: string; readonly maxRetries?: number }) => OpenAI;
}

/** A listener on a free port before models that are not there, gone at the end of the test. */
export async function running(): Promise<Running> {
  const models = new StandInModels();
  const library = Object.assign(new StandInLibrary(), { models });
  const server = await startHttp({ library, config: CONFIG });
  const get = (target: string, init?: RequestInit) => fetch(new URL(target, server.url), init);
  return {
    models,
    library,
    server,
    get,
    ask: (target, body, init) => get(target, { ...post(body), ...init }),
    client: ({ apiKey = "sk-none", maxRetries = 0 } = {}) => {
      return new OpenAI({ baseURL: new URL("/v1", server.url).href, apiKey, maxRetries });
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    readonly details?: unknown;
  };
}

export async function errorOf(response: Response): Promise<ErrorBody["error"]> {
  return ((await response.json()) as ErrorBody).error;
}

/** The data of every event, in order; comments left out. */
export async function eventsOf(response: Response): Promise<string[]> {
  const events = (await response.text()).split("\n\n").filter((event) => event.startsWith("data: "));
  return events.map((event) => event.slice("data: ".length));
}
