import { expect, test } from "bun:test";
import { movableBuffers } from "../../src/core/index.ts";

test("movableBuffers() takes bytes that fill their buffer alone, and never a view of more or nothing", () => {
  const alone = new Uint8Array([1, 2, 3]);
  const view = new Uint8Array(8).subarray(0, 3);
  expect(movableBuffers(alone, view, new Uint8Array())).toEqual([alone.buffer]);
  expect(movableBuffers(Buffer.concat([alone, view]).subarray(1))).toEqual([]);
});
