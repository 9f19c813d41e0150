import { type HttpServer, startHttp } from "../../src/http/index.ts";
import { StandInModels } from "./models-stand-in.ts";
import { CONFIG } from "./setup.ts";
import { StandInLibrary } from "./stand-in.ts";

export interface RunningModels extends AsyncDisposable {
  readonly models: StandInModels;
  readonly library: StandInLibrary;
  readonly server: HttpServer;
  readonly port: number;
  readonly fetch: (target: string, init?: RequestInit) => Promise<Response>;
  /** With a token that may do everything. */
  readonly admin: (target: string, init?: RequestInit) => Promise<Response>;
}

/** A listener on a free port before models that are not there, gone at the end of the test. */
export async function runningModels(config: Partial<typeof CONFIG> = {}): Promise<RunningModels> {
  const models = new StandInModels();
  const library = Object.assign(new StandInLibrary(), { models });
  library.tokens.set("root", ["read", "infer", "pull", "admin"]);
  library.tokens.set("reader", ["read"]);
  library.tokens.set("user", ["infer"]);
  const server = await startHttp({ library, config: { ...CONFIG, ...config } });
  const ask = (target: string, init: RequestInit = {}) => fetch(new URL(target, server.url), init);
  return {
    models,
    library,
    server,
    port: Number(server.url.port),
    fetch: ask,
    admin: (target, init = {}) => ask(target, withToken(init, "root")),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

export function withToken(init: RequestInit, token: string): RequestInit {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return { ...init, headers };
}
