import { describe, expect, test } from "bun:test";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  parseDuration,
  parseSize,
} from "../../src/cli/format.ts";
import { formatPairs, formatTable, printable } from "../../src/cli/table.ts";

describe("sizes", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [5 * 1024 * 1024, "5.0 MiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [2_147_483_648, "2.0 GiB"],
    [1_649_267_441_664, "1.5 TiB"],
  ])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test("a rate is a size per second", () => expect(formatRate(1536)).toBe("1.5 KiB/s"));

  test.each([["500000", 500_000], ["10MiB", 10_485_760], ["10MB", 10_000_000]])(
    "%s is read as %d bytes",
    (text, bytes) => expect(parseSize(text, "--size")).toBe(bytes),
  );

  test.each(["", "-1", "10 apples", "1e3"])("%j is no size and the option is named", (text) => {
    expect(() => parseSize(text, "--size")).toThrow(
      expect.objectContaining({ code: "USAGE", field: "size" }),
    );
  });
});

test.each([
  [999, "999"],
  [1000, "1.0 thousand"],
  [124_439_808, "124 million"],
  [999_960_000, "1.0 billion"],
  [3_821_079_552, "3.8 billion"],
  [1_026_000_000_000, "1.0 trillion"],
])("%d are %s", (count, text) => expect(formatCount(count)).toBe(text));

describe("times", () => {
  test.each([
    [0.4, "0s"],
    [59, "59s"],
    [185, "3m05s"],
    [3600, "1h00m"],
    [7_620, "2h07m"],
    [356_400, "4d03h"],
  ])("%d seconds are %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  test.each([["90", 90], ["90s", 90], ["15m", 900], ["1.5h", 5400], ["30d", 2_592_000]])(
    "%s is read as %d seconds",
    (text, seconds) => expect(parseDuration(text, "--grace")).toBe(seconds),
  );

  test.each(["", "h", "-1h", "1w"])("%j is no time", (text) => {
    expect(() => parseDuration(text, "--grace")).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("tables", () => {
  test("columns are as wide as their widest cell and numbers stand to the right", () => {
    const lines = formatTable([{ title: "NAME" }, { title: "SIZE", align: "right" }, { title: "AT" }], [
      ["a", "1.0 KiB", "now"],
      ["模型", "2 B", ""],
    ]);
    expect(lines).toEqual(["NAME     SIZE  AT", "a     1.0 KiB  now", "模型      2 B"]);
  });

  test("pairs have their values in one column", () => {
    expect(formatPairs([["home", "/x"], ["settings file", "none"]])).toEqual([
      "home:          /x",
      "settings file: none",
    ]);
  });

  test("a cell with controls is shown escaped", () => {
    expect(formatTable([{ title: "A" }], [["x\u001b[2J"]])[1]).toBe("x\\u001b[2J");
    expect(formatPairs([["a", "x\ny"]])).toEqual(["a: x\\u000ay"]);
  });

  test("a name cannot move the cursor or turn the direction of text", () => {
    expect(printable("a\u001b[2Jb\u202ec\n")).toBe("a\\u001b[2Jb\\u202ec\\u000a");
  });
});
