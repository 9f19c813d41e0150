import { getTextFormatter, type LogRecord, type TextFormatter } from "@logtape/logtape";

/** For people. Controls in values are escaped: nobody can forge a line. */
export const textLine: TextFormatter = getTextFormatter({
  timestamp: "rfc3339",
  level: "full",
  category: ".",
  value: "bare",
});

/** For programs: one JSON object per line, the record's properties beside `time`, `level`, `logger` and `message`. */
export function jsonLine(record: LogRecord): string {
  const fixed = {
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    logger: record.category.join("."),
    message: record.message.map((part, index) => index % 2 === 0 ? part : shown(part)).join(""),
  };
  try {
    // Named twice: the order of the first, the values of the second.
    return `${JSON.stringify({ ...fixed, ...record.properties, ...fixed }, plain)}\n`;
  } catch {
    // A property that JSON cannot hold, such as a circle, must not take the line with it.
    return `${JSON.stringify(fixed)}\n`;
  }
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof Error ? value.message : JSON.stringify(value, plain) ?? String(value);
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  return { ...value, name: value.name, message: value.message, stack: value.stack };
}
