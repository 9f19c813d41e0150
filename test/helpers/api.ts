import type { PullView } from "../../src/library/index.ts";

export interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- what a test expects of it is the test's to say
  readonly json: any;
}

/** The native API as a client sees it. */
export class Api {
  constructor(readonly url: string, private readonly token?: string) {}

  get(path: string): Promise<Answer> {
    return this.#ask("GET", path);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.#ask("POST", path, body);
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.#ask("PUT", path, body);
  }

  delete(path: string): Promise<Answer> {
    return this.#ask("DELETE", path);
  }

  /** Starts a pull and follows its events until it rests. */
  async pull(request: unknown): Promise<PullView> {
    const { status, json } = await this.post("/api/models/download", request);
    if (status !== 202) throw new Error(`Cannot pull: ${status} ${JSON.stringify(json)}`);
    return await this.follow(json.id);
  }

  async follow(id: string): Promise<PullView> {
    const response = await this.#send("GET", `/api/pulls/${id}/events`, { accept: "application/x-ndjson" });
    const last = (await response.text()).trimEnd().split("\n").at(-1) ?? "";
    return JSON.parse(last) as PullView;
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#send(
      method,
      path,
      body === undefined ? {} : { "content-type": "application/json" },
      body === undefined ? undefined : JSON.stringify(body),
    );
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  }

  #send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Response> {
    const authorization = this.token === undefined ? undefined : { authorization: `Bearer ${this.token}` };
    return fetch(this.url + path, {
      method,
      headers: { ...headers, ...authorization },
      ...(body === undefined ? {} : { body }),
    });
  }
}
