/** Every time zone is a multiple of this away from UTC: inside of it the local hour stays the same. */
const STEP_S = 15 * 60;

/** Hours from Monday 0:00 local time on, 0 to 167. Asked for at every use, so the calendar is looked at once a quarter of an hour. */
export class HourOfWeek {
  #step = Number.NaN;
  #hour = 0;

  /** @param nowS Unix seconds. */
  at(nowS: number): number {
    const step = Math.floor(nowS / STEP_S);
    if (step === this.#step) return this.#hour;
    const date = new Date(nowS * 1000);
    const daysSinceMonday = (date.getDay() + 6) % 7;
    this.#step = step;
    return this.#hour = daysSinceMonday * 24 + date.getHours();
  }
}
