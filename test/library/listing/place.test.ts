import { expect, test } from "bun:test";
import { comparePlaces, readCursor, writeCursor } from "../../../src/library/listing/place.ts";

test("a cursor is read as it was written, for its own order only", () => {
  for (const place of [{ value: 1.5, model: "a/b" }, { value: 0, model: "ü" }]) {
    const cursor = writeCursor("-size_bytes", place);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(readCursor(cursor, "-size_bytes")).toEqual(place);
    expect(readCursor(cursor, "size_bytes")).toBeUndefined();
  }
  expect(readCursor(writeCursor("name", { value: "a", model: "a" }), "name")).toEqual({
    value: "a",
    model: "a",
  });
});

test.each([
  ...[
    "",
    "a",
    "=",
    "null",
    '"name"',
    "{}",
    "[]",
    '["name"]',
    '["name","a"]',
    '["name",1,"a"]',
    '["name","a",1]',
  ],
  ...['["name","a","a","a"]', '["size_bytes","1","a"]', '["size_bytes",null,"a"]', '{"0":"name"}'],
])("what nobody wrote is no cursor: %s", (text) => {
  for (const cursor of [text, Buffer.from(text).toString("base64url")]) {
    for (const sort of ["name", "size_bytes"] as const) expect(readCursor(cursor, sort)).toBeUndefined();
  }
});

test("those with the same value follow by name, in both directions", () => {
  const places = [{ value: 2, model: "b" }, { value: 1, model: "z" }, { value: 2, model: "a" }];
  const inOrder = (isDescending: boolean) =>
    places.toSorted((a, b) => comparePlaces(a, b, isDescending)).map(({ model }) => model).join("");
  expect(inOrder(false)).toBe("zab");
  expect(inOrder(true)).toBe("abz");
});
