import { expect, test } from "bun:test";
import { FreedSpace } from "../../../src/library/budget/freed-space.ts";

const USE = { usedBytes: 100, reservedBytes: 0, freeBytes: 10, totalBytes: 200 };

test("what was deleted counts as free until the file system has given it back", () => {
  const freed = new FreedSpace();
  expect(freed.seen(USE, 0)).toEqual(USE);
  freed.note(USE, 30, 0);
  const after = { ...USE, usedBytes: 70 };
  expect(freed.seen(after, 1).freeBytes).toBe(40);
  expect(freed.seen({ ...after, freeBytes: 40 }, 1).freeBytes).toBe(40);
  expect(freed.seen({ ...after, freeBytes: 55 }, 1).freeBytes).toBe(55);
});

test("what we wrote since is not free any more", () => {
  const freed = new FreedSpace();
  freed.note(USE, 30, 0);
  expect(freed.seen({ ...USE, usedBytes: 95, freeBytes: 0 }, 1).freeBytes).toBe(15);
});

test("after a minute only what the file system says counts", () => {
  const freed = new FreedSpace();
  freed.note(USE, 30, 0);
  expect(freed.seen({ ...USE, usedBytes: 70 }, 59_999).freeBytes).toBe(40);
  expect(freed.seen({ ...USE, usedBytes: 70 }, 60_000).freeBytes).toBe(10);
});
