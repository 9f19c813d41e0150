import { configureSync, type LogRecord, type Sink, type TextFormatter } from "@logtape/logtape";
import { jsonLine, textLine } from "./log-format.ts";
import type { TextStream } from "./text-stream.ts";

export interface LogSettings {
  readonly format: "json" | "text";
  readonly level: "debug" | "info" | "warning" | "error";
}

/** What waits for a reader who has stopped reading; more is dropped and counted. */
const PENDING_BYTES_MAX = 1024 * 1024;

/** From now on, log records of the whole process go to this stream. */
export function configureLogging(stream: TextStream, { format, level }: LogSettings): void {
  configureSync({
    reset: true,
    sinks: { stream: streamSink(stream, format === "json" ? jsonLine : textLine) },
    loggers: [
      { category: ["larder"], sinks: ["stream"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["stream"], lowestLevel: "error" },
    ],
  });
}

/** Never blocks and never throws: a log that cannot be written is lost, and the server goes on. */
export function streamSink(stream: TextStream, format: TextFormatter): Sink {
  let dropped = 0;
  return (record: LogRecord) => {
    if (stream.pendingBytes > PENDING_BYTES_MAX) {
      dropped++;
      return;
    }
    if (dropped > 0) stream.write(format(dropNote(record, dropped)));
    dropped = 0;
    stream.write(format(record));
  };
}

function dropNote(record: LogRecord, dropped: number): LogRecord {
  return {
    ...record,
    category: ["larder", "log"],
    level: "warning",
    rawMessage: "Dropped {dropped} records: nobody read them",
    message: ["Dropped ", dropped, " records: nobody read them"],
    properties: { dropped },
  };
}
