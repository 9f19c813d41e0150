import type { ScrubApi, ScrubChanges, ScrubReport } from "../library/index.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** Verification over time in the owner of the home, asked of its API. */
export class RemoteScrub implements ScrubApi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  report(): Promise<ScrubReport> {
    return this.#json("/api/scrub");
  }

  configure(changes: ScrubChanges): Promise<ScrubReport> {
    return this.#json("/api/scrub", { method: "PUT", body: changes });
  }

  run(): Promise<ScrubReport> {
    return this.#json("/api/scrub/run", { method: "POST" });
  }

  async #json(path: string, ask?: Ask): Promise<ScrubReport> {
    return await (await askOwner(this.#socketPath, path, ask)).json() as ScrubReport;
  }
}
