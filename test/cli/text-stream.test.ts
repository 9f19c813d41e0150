import { expect, test } from "bun:test";
import { TextStream } from "../../src/cli/index.ts";

function slowStream() {
  const waiting: (() => void)[] = [];
  const stream = new TextStream({ write: (_text, done) => waiting.push(() => done()) });
  return { stream, take: () => waiting.shift()?.() };
}

test("drained() waits until the reader has taken every text", async () => {
  const { stream, take } = slowStream();
  stream.write("one");
  stream.write("three");
  let drained = false;
  const done = stream.drained().then(() => drained = true);
  take();
  await Promise.resolve();
  expect([drained, stream.pendingBytes]).toEqual([false, 5]);
  take();
  await done;
  expect([drained, stream.pendingBytes]).toEqual([true, 0]);
});

test("drained() with a limit does not wait for a reader who has stopped", async () => {
  const { stream } = slowStream();
  stream.write("never taken");
  await stream.drained(1);
  expect(stream.pendingBytes).toBe(11);
});

test("D32: a stream that fails loses text and nothing else", async () => {
  let fail: (error: Error) => void = () => {};
  const stream = new TextStream({
    write: (_text, done) => done(new Error("EPIPE")),
    on: (_event, listener) => fail = listener,
  });
  stream.write("lost");
  fail(new Error("EPIPE"));
  await stream.drained();
  expect(stream.pendingBytes).toBe(0);
});
