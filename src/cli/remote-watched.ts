import type { Watched, WatchedView } from "../library/index.ts";
import { askOwner } from "./remote-request.ts";

/** The watched folders of the owner of the home, asked of its API. */
export class RemoteWatched implements Watched {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async list(): Promise<WatchedView> {
    return await (await askOwner(this.#socketPath, "/api/watched")).json() as WatchedView;
  }

  async scan(): Promise<WatchedView> {
    const response = await askOwner(this.#socketPath, "/api/watched/scan", { method: "POST" });
    return await response.json() as WatchedView;
  }
}
