import type { LogRecord } from "@logtape/logtape";
import { expect, test } from "bun:test";
import { TextStream } from "../../src/cli/index.ts";
import { jsonLine, textLine } from "../../src/cli/log-format.ts";
import { streamSink } from "../../src/cli/log-sink.ts";

function record(properties: Record<string, unknown> = {}, message: unknown[] = ["Hello"]): LogRecord {
  const common = { category: ["larder", "pull"], level: "info", timestamp: 1_700_000_000_000 } as const;
  return { ...common, message, rawMessage: "Hello", properties };
}

test("a JSON line holds time, level, logger, message and properties", () => {
  const line = jsonLine(record({ id: "p1", level: "mine" }, ["Pull ", "p1", " of ", { n: 1 }, ""]));
  expect(line.endsWith("}\n")).toBe(true);
  expect(JSON.parse(line)).toEqual({
    time: "2023-11-14T22:13:20.000Z",
    level: "info",
    logger: "larder.pull",
    message: 'Pull p1 of {"n":1}',
    id: "p1",
  });
});

test("an error in a JSON line keeps its code and message", () => {
  const error = Object.assign(new Error("broken"), { code: "EIO" });
  expect(JSON.parse(jsonLine(record({ error }, ["x: ", error, ""])))).toMatchObject({
    message: "x: broken",
    error: { code: "EIO", message: "broken", stack: expect.stringContaining("broken") },
  });
});

test("a circle does not take its line with it", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  expect(JSON.parse(jsonLine(record({ circle })))).toMatchObject({ message: "Hello" });
});

test.each([["json", jsonLine], ["text", textLine]] as const)(
  "a value cannot forge a second %s line",
  (_, format) => {
    const forged = 'x\n{"level":"fatal"}\u001b[2J';
    const line = format(record({ forged }, ["name ", forged, ""]));
    expect(line.trimEnd().split("\n")).toHaveLength(1);
    expect(line).not.toContain("\u001b");
  },
);

test("D32: what nobody reads is dropped, counted and told of later", () => {
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  const stream = new TextStream({
    write: (text, done) => {
      lines.push(text);
      waiting.push(done);
    },
  });
  const sink = streamSink(stream, jsonLine);
  const large = "x".repeat(600 * 1024);
  for (let times = 0; times < 5; times++) sink(record({ large }));
  expect(lines).toHaveLength(2);
  for (const done of waiting.splice(0)) done();
  sink(record({ id: "last" }));
  expect(lines.slice(2).map((line) => JSON.parse(line))).toMatchObject([{ dropped: 3 }, { id: "last" }]);
});
