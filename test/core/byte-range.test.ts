import { expect, test } from "bun:test";
import { parseContentRange, parseRange } from "../../src/core/index.ts";

test("A20: a single range is read with its end excluded", () => {
  expect(parseRange("bytes=0-0", 10)).toEqual({ start: 0, end: 1 });
  expect(parseRange("bytes=2-", 10)).toEqual({ start: 2, end: 10 });
  expect(parseRange("bytes=-3", 10)).toEqual({ start: 7, end: 10 });
  expect(parseRange("bytes=-30", 10)).toEqual({ start: 0, end: 10 });
  expect(parseRange("bytes=5-500", 10)).toEqual({ start: 5, end: 10 });
  expect(parseRange("Bytes=1-2", 10)).toEqual({ start: 1, end: 3 });
});

test("A20: a range beyond the end cannot be satisfied", () => {
  for (const header of ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"]) {
    expect([header, parseRange(header, 10)]).toEqual([header, "unsatisfiable"]);
  }
  expect(parseRange("bytes=0-0", 0)).toBe("unsatisfiable");
  expect(parseRange("bytes=-1", 0)).toBe("unsatisfiable");
});

test("A19/A20: what is not one well-formed range of bytes is ignored", () => {
  const many = `bytes=${Array.from({ length: 1000 }, (_, index) => `${index}-${index}`).join(",")}`;
  for (
    const header of [
      undefined,
      "",
      "bytes=",
      "bytes=-",
      "bytes=3-2",
      "items=0-1",
      "bytes=a-b",
      "bytes=0-1,2-3",
      "bytes 0-1",
      many,
    ]
  ) {
    expect(parseRange(header, 10)).toBeUndefined();
  }
});

test("parseContentRange() reads both forms of RFC 9110 §14.4", () => {
  expect(parseContentRange("bytes 42-1233/1234")).toEqual({
    range: { start: 42, end: 1234 },
    totalBytes: 1234,
  });
  expect(parseContentRange("bytes 42-1233/*")).toEqual({ range: { start: 42, end: 1234 } });
  expect(parseContentRange("bytes */1234")).toEqual({ totalBytes: 1234 });
  for (const header of [null, "", "bytes 1-", "bytes x/1", "items 0-1/2"]) {
    expect(parseContentRange(header)).toBeUndefined();
  }
});
