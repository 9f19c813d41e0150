import { formatModelRef } from "../core/index.ts";
import type {
  ApplyOptions,
  ModelOptionsApi,
  OptionChanges,
  OptionsChangeView,
  OptionsTarget,
  OptionsView,
} from "../library/index.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** What users want of each model, asked of the owner of the home. */
export class RemoteOptions implements ModelOptionsApi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  find(target: OptionsTarget): Promise<OptionsView> {
    return this.#json(target, "options");
  }

  set(target: OptionsTarget, changes: OptionChanges, how: ApplyOptions = {}): Promise<OptionsChangeView> {
    return this.#json(target, "options", { method: "PUT", body: { options: changes, ...how } });
  }

  remove(target: OptionsTarget, { apply }: ApplyOptions = {}): Promise<OptionsChangeView> {
    const query = apply === undefined ? {} : { query: { apply } };
    return this.#json(target, "options", { method: "DELETE", ...query });
  }

  async #json<T>(target: OptionsTarget, what: string, ask?: Ask): Promise<T> {
    const reference = formatModelRef(target).split("/").map(encodeURIComponent).join("/");
    return await (await askOwner(this.#socketPath, `/api/models/${reference}/${what}`, ask)).json() as T;
  }
}
