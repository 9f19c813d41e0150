import { formatModelRef, type ModelRef } from "../core/index.ts";
import type {
  ApplyOptions,
  JobView,
  ModelOptionsApi,
  OptionChanges,
  OptionsChangeView,
  OptionsTarget,
  OptionsView,
  TuneRequest,
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

  tune({ model, version, variant, ...how }: TuneRequest): Promise<JobView> {
    const target = {
      model,
      ...(version === undefined ? {} : { version }),
      ...(variant === undefined ? {} : { variant }),
    };
    return this.#json(target, "tune", { method: "POST", body: how });
  }

  async #json<T>(target: ModelRef, what: string, ask?: Ask): Promise<T> {
    const reference = formatModelRef(target).split("/").map(encodeURIComponent).join("/");
    return await (await askOwner(this.#socketPath, `/api/models/${reference}/${what}`, ask)).json() as T;
  }
}
