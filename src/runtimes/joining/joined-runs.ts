import { isDeepStrictEqual } from "node:util";
import { LarderError } from "../../core/index.ts";
import type { JoinedAnswer, RunOutcome } from "../runner/messages.ts";
import type { TensorResult, TensorRun } from "../types.ts";
import { agree } from "./agreement.ts";
import { joinedRun, rowsOf, splitResult } from "./rows.ts";

/** Sets of outputs that are remembered as proven; what else is asked for runs singly. */
const PROVEN_MAX = 64;

/** What came of running requests as one: the part of each, or why there is none. */
type Together = { readonly parts: readonly TensorResult[] } | { readonly error: LarderError };

/**
 * Runs several requests to a model as one, where that changes no answer. It works beside the model, so that tensors are put together
 * and taken apart where nobody else waits.
 *
 * Whether the rows of a model are independent cannot be seen from its header: a softmax over the batch, or a quantization whose range
 * is that of the whole batch, has shapes like any other. So requests are also run one by one, and get those answers, until joined ones
 * that are not all the same have given the same; when they give anything else, nothing is joined again.
 */
export class JoinedRuns {
  /** Sets of outputs. */
  readonly #proven = new Set<string>();
  #refusal: string | undefined;

  /** @param run Runs the model, and leaves the inputs as they are. */
  constructor(private readonly run: (run: TensorRun) => TensorResult) {}

  /**
   * @param runs Two or more that have the same `Share.key`.
   * @param onStep Called before each of those that run singly: all of them together may take long.
   * @throws What is no LarderError: a bug.
   */
  answer(runs: readonly TensorRun[], onStep: () => void): JoinedAnswer {
    const together = this.#refusal === undefined ? this.#together(runs) : undefined;
    if (together !== undefined && "parts" in together && this.#proven.has(wantedOf(runs))) {
      return { outcomes: together.parts.map((result) => ({ result })), isJoined: true };
    }
    const outcomes = runs.map((run) => {
      onStep();
      return this.#singly(run);
    });
    if (together !== undefined) this.#judge(runs, together, outcomes);
    return {
      outcomes,
      isJoined: false,
      ...(this.#refusal === undefined ? {} : { refusal: this.#refusal }),
    };
  }

  #together(runs: readonly TensorRun[]): Together | undefined {
    const outcome = this.#attempt(joinedRun(runs));
    if (outcome instanceof LarderError) return { error: outcome };
    const parts = splitResult(outcome, runs.map(rowsOf));
    if (parts !== undefined) return { parts };
    this.#refusal = "an output does not have one row for each row of the inputs";
    return undefined;
  }

  #singly(run: TensorRun): RunOutcome {
    const outcome = this.#attempt(run);
    return outcome instanceof LarderError ? { error: outcome.toRecord() } : { result: outcome };
  }

  #attempt(run: TensorRun): TensorResult | LarderError {
    try {
      return this.run(run);
    } catch (error) {
      if (error instanceof LarderError) return error;
      throw error;
    }
  }

  #judge(runs: readonly TensorRun[], together: Together, outcomes: readonly RunOutcome[]): void {
    const results = outcomes.flatMap((outcome) => "result" in outcome ? [outcome.result] : []);
    const allCame = results.length === outcomes.length;
    if ("error" in together) {
      // One of them may be at fault, or there is too little memory for all: that is no reason to leave it for good.
      if (allCame && together.error.code !== "NO_MEMORY") {
        this.#refusal = `what runs one by one fails together: ${together.error.message}`;
      }
    } else if (
      !allCame || !results.every((result, i) => agree(result, together.parts[i] ?? { outputs: {} }))
    ) {
      this.#refusal = "an answer changes with what else is in its run";
    } else if (this.#proven.size < PROVEN_MAX && areDifferent(runs)) {
      this.#proven.add(wantedOf(runs));
    }
  }
}

function wantedOf([first]: readonly TensorRun[]): string {
  return JSON.stringify(first?.outputs ?? null);
}

/** Of requests that are all the same, any mixture of their rows looks like each of them. */
function areDifferent([first, ...others]: readonly TensorRun[]): boolean {
  return others.some(({ inputs }) => !isDeepStrictEqual(inputs, first?.inputs));
}
