import type { DiskBudgetApi, DiskBudgetView, DiskExplanation } from "../library/index.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** The disk budget of the owner of the home, asked of its API. */
export class RemoteBudget implements DiskBudgetApi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  explain(): Promise<DiskExplanation> {
    return this.#json("/api/budget/explain");
  }

  getSettings(): Promise<DiskBudgetView> {
    return this.#json("/api/budget");
  }

  setSettings(changes: Partial<DiskBudgetView>): Promise<DiskBudgetView> {
    return this.#json("/api/budget", { method: "PUT", body: changes });
  }

  async #json<T>(path: string, ask?: Ask): Promise<T> {
    return await (await askOwner(this.#socketPath, path, ask)).json() as T;
  }
}
