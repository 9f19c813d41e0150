// deno-lint-ignore-file no-console
import {
  answerKey,
  HUB_REQUESTS,
  type HubAnswer,
  hubAnswers,
  type HubRequest,
  pathEntries,
} from "./hub-answers.ts";
import type { HubRepository } from "./hub-repository.ts";

/**
 * A hub in a process of its own, so that it holds up neither side: everything that it says is made before the first request. It is
 * given the path of a JSON list of repositories, prints its address, and counts what it is asked (`GET /__counts`).
 */
class HubServer {
  readonly #answers = new Map<string, HubAnswer>();
  readonly #paths = new Map<string, ReadonlyMap<string, unknown>>();
  readonly #counts = Object.fromEntries(HUB_REQUESTS.map((kind) => [kind, 0])) as Record<HubRequest, number>;

  add(repository: HubRepository, hubUrl: string): void {
    for (const [key, answer] of hubAnswers(repository, hubUrl)) this.#answers.set(key, answer);
    const { id, commit } = repository;
    this.#paths.set(`/api/models/${id}/paths-info/${commit}`, pathEntries(repository));
  }

  async answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/__counts") return Response.json(this.#counts);
    const path = decodeURIComponent(pathname);
    const entries = request.method === "POST" ? this.#paths.get(path) : undefined;
    if (entries !== undefined) return await this.#pathsInfo(request, entries);
    const answer = this.#answers.get(answerKey(path, searchParams));
    this.#counts[answer?.request ?? "other"]++;
    return answer === undefined ? notFound() : respond(answer, request.headers.get("range"));
  }

  async #pathsInfo(request: Request, entries: ReadonlyMap<string, unknown>): Promise<Response> {
    this.#counts.paths++;
    const { paths } = await request.json() as { readonly paths: readonly string[] };
    return Response.json(paths.flatMap((path) => entries.get(path) ?? []));
  }
}

function respond({ status, headers, body }: HubAnswer, range: string | null): Response {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  if (first === undefined || status !== 200) return new Response(body, { status, headers });
  const start = Number(first);
  const end = Math.min(last ? Number(last) + 1 : Infinity, body.length);
  if (start >= end) {
    return new Response("", { status: 416, headers: { "Content-Range": `bytes */${body.length}` } });
  }
  return new Response(body.slice(start, end), {
    status: 206,
    headers: { ...headers, "Content-Range": `bytes ${start}-${end - 1}/${body.length}` },
  });
}

function notFound(): Response {
  return Response.json({ error: "Entry not found" }, {
    status: 404,
    headers: { "X-Error-Code": "EntryNotFound" },
  });
}

if (import.meta.main) {
  const repositories = await Bun.file(Bun.argv[2] ?? "").json() as readonly HubRepository[];
  const hub = new HubServer();
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => hub.answer(request) });
  for (const repository of repositories) hub.add(repository, server.url.origin);
  console.log(JSON.stringify({ url: server.url.origin }));
}
