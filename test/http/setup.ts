import { type HttpServer, startHttp } from "../../src/http/index.ts";
import { type TempFolder, tempFolder } from "../helpers/temp-folder.ts";
import { StandInLibrary } from "./stand-in.ts";

export const CONFIG = {
  host: "127.0.0.1",
  port: 0,
  allowHosts: [] as readonly string[],
  connectionsMax: 100,
  bodyBytesMax: 2000,
  inferBodyBytesMax: 20_000,
  shutdownS: 2,
};

export interface Running extends AsyncDisposable {
  readonly library: StandInLibrary;
  readonly folder: TempFolder;
  readonly port: number;
  readonly server: HttpServer;
  readonly fetch: (target: string, init?: RequestInit) => Promise<Response>;
}

/** A listener on a free port before a stand-in library, both gone at the end of the test. */
export async function running(
  config: Partial<typeof CONFIG> = {},
  options: { readonly socket?: boolean } = {},
): Promise<Running> {
  const folder = await tempFolder();
  const library = new StandInLibrary();
  const server = await startHttp({
    library,
    config: { ...CONFIG, ...config },
    ...(options.socket ? { unixSocket: `${folder.path}/larder.sock` } : {}),
  });
  return {
    library,
    folder,
    server,
    port: Number(server.url.port),
    fetch: (target, init) => fetch(new URL(target, server.url), init),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

export function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly request_id: string;
  readonly field?: string;
  readonly hint?: string;
}

export async function problemOf(response: Response): Promise<Problem> {
  return await response.json() as Problem;
}
