import { HourOfWeek, type UseHistory } from "../../library/index.ts";

const HOURS_OF_WEEK = 168;
const HOURS_OF_DAY = 24;
/** What is used an hour later is wanted soon, what was used an hour before may be late. */
const HOURS_AROUND = [[0, 1], [1, 0.5], [-1, 0.25]] as const;
/** So many uses have to be known for what is special to count as much as what is general. */
const DOUBT = 8;
/** A model that was used longer ago than this is followed by nothing any more. */
const FOLLOWS_WITHIN_S = 3600;

/** One of the models with their variants that were ever used. */
interface Habit {
  readonly model: string;
  readonly variant: string;
  /** Uses in the hours around now: of this day of the week, of every day, of all hours. */
  week: number;
  day: number;
  ever: number;
  /** How often it came after what was used last. */
  after: number;
}

/** How likely a model is the next to be used, and why. */
export interface Expectation {
  readonly model: string;
  readonly variant: string;
  /** 0 to 1. */
  readonly byTime: number;
  readonly byOrder: number;
  /** Of both together. */
  readonly likelihood: number;
}

/**
 * What recorded use says about now. By time: the share of a model in all uses at this hour of the week; where little is known of that,
 * its share at this hour of any day, and where little is known of that too, its share in everything. By order: how often it came
 * after what was used last.
 */
export class Habits {
  readonly #habits = new Map<string, Habit>();
  readonly #total = { week: 0, day: 0, ever: 0, after: 0 };

  constructor({ hours, follows, last }: UseHistory, nowS: number) {
    const weights = new HourWeights(new HourOfWeek().at(nowS));
    for (const { model, variant, hour, count } of hours) {
      const habit = this.#habit(model, variant);
      for (const key of ["week", "day", "ever"] as const) {
        const weighted = count * weights[key](hour);
        habit[key] += weighted;
        this.#total[key] += weighted;
      }
    }
    if (last === undefined || nowS - last.atS > FOLLOWS_WITHIN_S) return;
    for (const { model, variant, nextModel, nextVariant, count } of follows) {
      if (model !== last.model || variant !== last.variant) continue;
      this.#habit(nextModel, nextVariant).after += count;
      this.#total.after += count;
    }
  }

  /** Of every model that was ever used. */
  all(): Expectation[] {
    return [...this.#habits.values()].map((habit) => this.#expectation(habit));
  }

  of(model: string, variant: string): Expectation {
    const never = { model, variant, week: 0, day: 0, ever: 0, after: 0 };
    return this.#expectation(this.#habits.get(nameOf(model, variant)) ?? never);
  }

  #expectation({ model, variant, week, day, ever, after }: Habit): Expectation {
    const total = this.#total;
    const overall = total.ever === 0 ? 0 : ever / total.ever;
    const byTime = believed(believed(overall, day, total.day), week, total.week);
    const byOrder = believed(0, after, total.after);
    return { model, variant, byTime, byOrder, likelihood: 1 - (1 - byTime) * (1 - byOrder) };
  }

  #habit(model: string, variant: string): Habit {
    const name = nameOf(model, variant);
    const known = this.#habits.get(name);
    if (known !== undefined) return known;
    const habit = { model, variant, week: 0, day: 0, ever: 0, after: 0 };
    this.#habits.set(name, habit);
    return habit;
  }
}

/** How much a use in some hour of the week says about now. */
class HourWeights {
  readonly #week: ReadonlyMap<number, number>;
  readonly #day: ReadonlyMap<number, number>;

  constructor(now: number) {
    this.#week = around(now, HOURS_OF_WEEK);
    this.#day = around(now, HOURS_OF_DAY);
  }

  week(hour: number): number {
    return this.#week.get(hour) ?? 0;
  }

  day(hour: number): number {
    return this.#day.get(hour % HOURS_OF_DAY) ?? 0;
  }

  ever(_: number): number {
    return 1;
  }
}

function around(now: number, hours: number): ReadonlyMap<number, number> {
  return new Map(HOURS_AROUND.map(([step, weight]) => [(now + step + hours) % hours, weight]));
}

/** A share of few uses is worth less than what was taken to be so before. */
function believed(before: number, part: number, total: number): number {
  return (part + DOUBT * before) / (total + DOUBT);
}

function nameOf(model: string, variant: string): string {
  return `${model}\n${variant}`;
}
