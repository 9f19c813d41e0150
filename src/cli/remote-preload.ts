import type {
  Preload,
  PreloadConfig,
  PreloadRequest,
  PreloadResult,
  PreloadStats,
  PreloadView,
} from "../preload/index.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** Preloading by the owner of the home, asked of its API. */
export class RemotePreload implements Preload {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  list(): Promise<PreloadView> {
    return this.#json("/api/preload");
  }

  async add(requests: readonly PreloadRequest[]): Promise<readonly string[]> {
    const ask: Ask = { method: "POST", body: { models: requests } };
    return (await this.#json<{ added: string[] }>("/api/preload", ask)).added;
  }

  async remove(reference?: string): Promise<number> {
    const ask: Ask = { method: "DELETE", query: { model: reference } };
    return (await this.#json<{ removed: number }>("/api/preload", ask)).removed;
  }

  configure(changes: Partial<PreloadConfig>): Promise<PreloadConfig> {
    return this.#json("/api/preload/config", { method: "PUT", body: changes });
  }

  stats(): Promise<PreloadStats> {
    return this.#json("/api/preload/stats");
  }

  async process(signal?: AbortSignal): Promise<readonly PreloadResult[]> {
    const ask: Ask = { method: "POST", signal };
    return (await this.#json<{ results: PreloadResult[] }>("/api/preload/process", ask)).results;
  }

  async #json<T>(path: string, ask?: Ask): Promise<T> {
    return await (await askOwner(this.#socketPath, path, ask)).json() as T;
  }
}
