import type { ModelKey } from "../../cache/index.ts";
import { type ErrorCode, isLarderError, type LarderError, logger } from "../../core/index.ts";
import { labelOf } from "./model-loader.ts";

/** Requests that a model which has just replaced another one is watched for. */
const TRIAL_REQUESTS = 20;
/** Failures among them that send it back. */
const FAILURES_MAX = 3;
const log = logger("models");

/** Faults of the request or of its sender say nothing about the model. */
const NOT_THE_MODELS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BAD_INPUT",
  "CANCELLED",
  "DEADLINE_EXCEEDED",
  "MODEL_BUSY",
  "NOT_SUPPORTED",
]);

interface Trial {
  readonly from: ModelKey;
  left: number;
  failures: number;
}

/** Watches a model's first requests after a reload; when they fail, the one before is put back and the new one is set apart. */
export class Trials {
  readonly #running = new Map<string, Trial>();
  readonly #rejected = new Map<string, LarderError>();

  /** @param putBack Brings the earlier model back; how it ends is its own affair. */
  constructor(private readonly putBack: (to: ModelKey, from: ModelKey) => Promise<void>) {}

  begin(from: ModelKey, to: ModelKey): void {
    const label = labelOf(to);
    this.#rejected.delete(label);
    if (label !== labelOf(from)) this.#running.set(label, { from, left: TRIAL_REQUESTS, failures: 0 });
  }

  /** Why a model is not to be used although its name stands for it. */
  rejection(key: ModelKey): LarderError | undefined {
    return this.#rejected.size === 0 ? undefined : this.#rejected.get(labelOf(key));
  }

  noteEnd(key: ModelKey, error?: unknown): void {
    if (this.#running.size === 0) return;
    const label = labelOf(key);
    const trial = this.#running.get(label);
    if (trial === undefined) return;
    trial.left--;
    if (isLarderError(error) && !NOT_THE_MODELS.has(error.code)) {
      trial.failures++;
      if (trial.failures >= FAILURES_MAX) return this.#reject(key, trial, error);
    }
    if (trial.left <= 0) this.#running.delete(label);
  }

  #reject(key: ModelKey, { from }: Trial, error: LarderError): void {
    const label = labelOf(key);
    this.#running.delete(label);
    this.#rejected.set(label, error);
    log.warn("{label} failed {count} of its first requests: {from} is put back: {error}", {
      ...{ label, count: FAILURES_MAX, from: labelOf(from), error: error.message },
    });
    this.putBack(key, from).catch((reason: unknown) =>
      log.error("Cannot put {from} back: {reason}", { from: labelOf(from), reason: String(reason) })
    );
  }
}
