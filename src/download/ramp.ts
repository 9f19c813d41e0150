/** Looks over which a rate is taken: servers that limit a connection send in bursts. */
const ALONE_LOOKS = 4;
const TOGETHER_LOOKS = 8;
/** Looks after the last connection was added that are left out: it is only beginning. */
const SETTLING_LOOKS = 3;
/** All connections together must bring so much more than one, or one is enough. */
const GAIN_MIN = 1.3;
/** Looks after which it is tried again: what limited us may have changed. */
const RETRY_LOOKS = 100;

export type RampAdvice = "stay" | "add" | "alone";

/**
 * Finds by its effect whether several connections are worth having: where the network limits each of them they bring more; where
 * disk or processor are the limit they only cost. Asked at even intervals.
 */
export class Ramp {
  #phase: "alone" | "adding" | "together" | "settled" = "alone";
  #looks = 0;
  #fetchedAtStart = 0;
  #rateAlone = 0;

  /**
   * @param fetchedBytes All bytes so far.
   * @param mayAdd There is something left to do for one more connection, and the limit allows it.
   */
  look(fetchedBytes: number, mayAdd: boolean): RampAdvice {
    this.#looks++;
    const rate = (fetchedBytes - this.#fetchedAtStart) / this.#looks;
    switch (this.#phase) {
      case "alone":
        if (!mayAdd || this.#looks < ALONE_LOOKS || rate === 0) return "stay";
        this.#rateAlone = rate;
        return this.#enter("adding", fetchedBytes, "add");
      case "adding":
        if (mayAdd) return this.#enter("adding", fetchedBytes, "add");
        return this.#looks < SETTLING_LOOKS ? "stay" : this.#enter("together", fetchedBytes, "stay");
      case "together":
        if (this.#looks < TOGETHER_LOOKS) return "stay";
        return this.#enter("settled", fetchedBytes, rate < this.#rateAlone * GAIN_MIN ? "alone" : "stay");
      case "settled":
        return this.#looks < RETRY_LOOKS ? "stay" : this.#enter("alone", fetchedBytes, "stay");
    }
  }

  #enter(
    phase: "alone" | "adding" | "together" | "settled",
    fetchedBytes: number,
    advice: RampAdvice,
  ): RampAdvice {
    this.#phase = phase;
    this.#looks = 0;
    this.#fetchedAtStart = fetchedBytes;
    return advice;
  }
}
