import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { LarderError } from "../../src/core/index.ts";
import type { PullView } from "../../src/library/index.ts";
import { NDJSON, watchStream } from "../../src/http/native/watch-stream.ts";
import { problemOf, running } from "./setup.ts";
import { PULL } from "./stand-in.ts";

async function* statesOf(...states: PullView["state"][]): AsyncGenerator<PullView> {
  for (const state of states) {
    yield { ...PULL, state };
    await Bun.sleep(5);
  }
}

describe("events of a pull", () => {
  test("are server-sent events and end after the last state", async () => {
    await using s = await running();
    s.library.states = statesOf("running", "done");
    const response = await s.fetch("/api/pulls/p1/events");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = (await response.text()).trim().split("\n\n").map((event) => event.split("\n"));
    expect(events.map(([name]) => name)).toEqual(["event: pull", "event: pull"]);
    const states = events.map(([, data = ""]) => JSON.parse(data.replace("data: ", "")).state);
    expect(states).toEqual(["running", "done"]);
  });

  test("are NDJSON by Accept", async () => {
    await using s = await running();
    s.library.states = statesOf("queued", "running", "failed");
    const response = await s.fetch("/api/pulls/p1/events", { headers: { accept: "application/x-ndjson" } });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const states = (await response.text()).trim().split("\n").map((line) => JSON.parse(line).state);
    expect(states).toEqual(["queued", "running", "failed"]);
  });

  test("of a pull that is not there are a problem, not an empty stream", async () => {
    await using s = await running();
    s.library.failures.set("watchPull", new LarderError("PULL_NOT_FOUND", "Cannot find pull x"));
    const response = await s.fetch("/api/pulls/x/events");
    expect([response.status, (await problemOf(response)).code]).toEqual([404, "PULL_NOT_FOUND"]);
  });

  test("stop being watched when the client leaves", async () => {
    await using s = await running();
    const ended = Promise.withResolvers<void>();
    s.library.watchPull = async function* (_id, signal) {
      yield PULL;
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      ended.resolve();
    };
    const left = new AbortController();
    const response = await s.fetch("/api/pulls/p1/events", { signal: left.signal });
    await response.body?.getReader().read();
    left.abort();
    await ended.promise;
  });

  test("of a job work the same", async () => {
    await using s = await running();
    const text = await (await s.fetch("/api/jobs/j1/events")).text();
    expect(text).toContain("event: job\n");
    expect(text).toContain('"state":"done"');
  });
});

/** As many large states as are asked for; says how many were taken and sees to it that nobody waits for the reader. */
function endless(sizeBytes: number) {
  const taken = { count: 0 };
  const blob = "x".repeat(sizeBytes);
  async function* states(signal?: AbortSignal): AsyncGenerator<PullView> {
    while (!signal?.aborted) {
      taken.count++;
      yield { ...PULL, bytes_done: taken.count, model: blob };
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { taken, states };
}

describe("C04, A34: a client that never reads", () => {
  test("costs the newest state, not all of them, and holds nobody up", async () => {
    await using s = await running();
    const { taken, states } = endless(100_000);
    s.library.watchPull = (_id, signal) => states(signal);
    const before = process.memoryUsage.rss();
    const lazy = connect(s.port, "127.0.0.1");
    lazy.pause();
    lazy.write("GET /api/pulls/p1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    while (taken.count < 3000) await Bun.sleep(5); // 300 MB of states went by
    expect((await s.fetch("/api/pulls")).status).toBe(200);
    Bun.gc(true);
    expect(process.memoryUsage.rss() - before).toBeLessThan(120_000_000);
    const closed = new Promise((resolve) => lazy.once("close", resolve));
    lazy.destroy();
    await closed;
    while (true) {
      const count = taken.count;
      await Bun.sleep(50);
      if (taken.count === count) break; // the source is let go when the client is gone
    }
  }, 20_000);

  test("a slow reader skips states and gets the newest", async () => {
    const gate = Promise.withResolvers<void>();
    async function* states() {
      for (let at = 1; at <= 50; at++) yield at;
      gate.resolve();
    }
    const rest = states();
    const stream = watchStream({ first: await rest.next(), rest, format: NDJSON, onEnd: () => {} });
    await gate.promise;
    expect(await new Response(stream).text()).toBe("50\n");
  });
});

test("a quiet stream sends heartbeats", async () => {
  const never = { next: () => new Promise<IteratorResult<number>>(() => {}) };
  const first = { done: false as const, value: 1 };
  const stream = watchStream({ first, rest: never, format: NDJSON, onEnd: () => {}, heartbeatMs: 5 });
  const reader = stream.getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  expect([await next(), await next(), await next()]).toEqual(["1\n", "\n", "\n"]);
  await reader.cancel();
});
