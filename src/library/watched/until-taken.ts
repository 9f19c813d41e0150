import { LarderError, LATEST, parseModelRef } from "../../core/index.ts";
import type { PendingModelView } from "../watched-types.ts";

const RETRY_AFTER_S = 1;

/**
 * Nobody else is asked for a model that a user has just put into a watched folder.
 *
 * @throws {LarderError} MODEL_LOADING
 */
export function refuseUntilTaken(pending: readonly PendingModelView[], reference: string): void {
  const { model, version = LATEST } = parseModelRef(reference);
  if (version !== LATEST || !pending.some((one) => one.model === model)) return;
  throw new LarderError("MODEL_LOADING", `Cannot use ${model} yet: its files are being taken in`, {
    retryable: true,
    retryAfterS: RETRY_AFTER_S,
    hint: "Try again soon; `larder watched` shows how far it is.",
  });
}
