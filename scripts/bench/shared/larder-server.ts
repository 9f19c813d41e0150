import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { JobView, PullRequest, PullView } from "../../../src/library/types.ts";
import type { Processes, Started } from "./processes.ts";
import type { BenchContext } from "./types.ts";

const START_MS = 30_000;
const REQUEST_MS = 10 * 60_000;

/** What a verb or a server of a bench gets of the environment: nothing that this machine's user has set for Larder. */
export function larderEnv(home: string): Record<string, string | undefined> {
  return {
    PATH: process.env["PATH"],
    HOME: home,
    LARDER_HOME: home,
    LARDER_HUB_PORT: "0",
    LARDER_ALLOW_ORIGINS: "http://127.0.0.1:*",
    // A bench that starts a home again measures from nothing, unless it says otherwise.
    LARDER_WARM_ON_START: "false",
  };
}

/** `larder serve` in a process of its own, spoken to over HTTP like any client does. */
export class LarderServer implements AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly #child: Bun.Subprocess;
  readonly #processes: Processes;
  readonly #token: string;

  private constructor(url: string, child: Bun.Subprocess, processes: Processes, token: string) {
    this.url = url;
    this.pid = child.pid;
    this.#child = child;
    this.#processes = processes;
    this.#token = token;
  }

  /** @param flags Further ones of `larder serve`. */
  static async start(
    { larder, folder, processes }: BenchContext,
    name = "home",
    flags: readonly string[] = [],
  ): Promise<LarderServer> {
    const home = join(folder, name);
    await mkdir(home, { recursive: true });
    const command = [larder, "serve", "--port", "0", "--json", "--log-format", "json", ...flags];
    const log = join(folder, `${name}.log`);
    const child = processes.start(command, { env: larderEnv(home), cwd: folder, log });
    const url = await announcedUrl(child, log);
    return new LarderServer(url, child, processes, readFileSync(join(home, "admin.token"), "utf8").trim());
  }

  /** Pulls to the end. @throws {Error} It did not end well. */
  async pull(request: PullRequest): Promise<PullView> {
    const { id } = await this.json<PullView>("POST", "/api/models/download", request);
    const last = await this.#lastEvent<PullView>(`/api/pulls/${id}/events`);
    if (last.state !== "done") {
      throw new Error(`The pull ended as ${last.state}: ${JSON.stringify(last.error)}`);
    }
    return last;
  }

  /** Runs an upkeep job to its end. @throws {Error} It did not end well. */
  async job(kind: "verify" | "gc", request: object): Promise<JobView> {
    return await this.#finish(await this.json<JobView>("POST", `/api/${kind}`, request));
  }

  /** Takes a file or folder in by hard links, so that it is the very file that a peer reads or serves. */
  async importLinked(path: string, model: string): Promise<void> {
    const request = { path, model, version: "1", mode: "hardlink" };
    await this.#finish(await this.json<JobView>("POST", "/api/models/import", request));
  }

  /** Removes a model and whatever of it is left. */
  async remove(model: string): Promise<void> {
    await this.json("DELETE", `/api/models/${model}`);
    await this.job("gc", { grace_s: 0 });
  }

  /** @throws {Error} It was refused. */
  async json<T>(method: string, path: string, body?: object): Promise<T> {
    return await (await this.#request(method, path, body)).json() as T;
  }

  async text(path: string): Promise<string> {
    return await (await this.#request("GET", path)).text();
  }

  fileUrl(model: string, path: string): string {
    return `${this.url}/api/files/${model}/1/${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.stop(this.#child);
  }

  async #finish(job: JobView): Promise<JobView> {
    const last = await this.#lastEvent<JobView>(`/api/jobs/${job.id}/events`);
    if (last.state !== "done") {
      throw new Error(`The ${job.kind} ended as ${last.state}: ${JSON.stringify(last.error)}`);
    }
    return last;
  }

  async #lastEvent<T>(path: string): Promise<T> {
    const answer = await this.#request("GET", path, undefined, { accept: "application/x-ndjson" });
    const last = (await answer.text()).trimEnd().split("\n").at(-1);
    if (!last) throw new Error(`${path}: no event came`);
    return JSON.parse(last);
  }

  async #request(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { ...headers, authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}

/** The first line that it prints says where it listens. */
async function announcedUrl(child: Started, log: string): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  clearTimeout(timer);
  reader.releaseLock();
  if (value === undefined) throw new Error(`larder did not start:\n${await Bun.file(log).text()}`);
  return JSON.parse(new TextDecoder().decode(value).split("\n")[0] ?? "").url;
}
