/** Hours of a day in local time: from `start` on and before `end`, over midnight where `end` is the smaller one. */
export interface DayHours {
  readonly start: number;
  readonly end: number;
}

export const DAY_HOURS_ALLOWED =
  'hours of the day such as "1-5" or "22-6", or an empty text for the whole day';

const WHOLE_DAY: DayHours = { start: 0, end: 24 };

/** Reads `1-5`, `22-6` and the empty text, which is the whole day. Undefined when it is none of these. */
export function parseDayHours(text: string): DayHours | undefined {
  if (text === "") return WHOLE_DAY;
  const [, from, to] = /^(\d{1,2})-(\d{1,2})$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const hours = { start: Number(from), end: Number(to) };
  return hours.start <= 23 && hours.end <= 24 && hours.start !== hours.end ? hours : undefined;
}

export function isWithin({ start, end }: DayHours, at: Date): boolean {
  const hour = at.getHours();
  return start < end ? hour >= start && hour < end : hour >= start || hour < end;
}
