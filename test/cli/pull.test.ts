import { expect, test } from "bun:test";
import type { CliApi } from "../../src/cli/index.ts";
import type { LarderApi, PullRequest, PullView } from "../../src/library/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";
import { DONE, PULL, sequence, sequenceUntilAbort } from "./views.ts";

const ARGS = ["pull", "iris@1.0.0", "https://models.example/iris.onnx"];

function ends(...views: PullView[]): Partial<LarderApi> {
  return { pull: () => Promise.resolve(PULL), watchPull: () => sequence(...views) };
}

test("a pull that is done says what came, on stdout; progress is on stderr", async () => {
  const { code, stdout, stderr } = await larder(ARGS, { api: ends(PULL, DONE) });
  expect(code).toBe(0);
  expect(stdout).toBe("iris@1.0.0  1 file, 1.0 KiB, 512 B fetched in 4s\n");
  expect(stderr).toBe(
    "iris@1.0.0   50%  512 B / 1.0 KiB  256 B/s  ETA 2s\niris@1.0.0  100%  1.0 KiB / 1.0 KiB  ETA 2s\n",
  );
});

test("piped progress is at most a line every few seconds, and a last one", async () => {
  const many = Array.from({ length: 500 }, (_, index) => ({ ...PULL, bytes_done: index }));
  const { stderr } = await larder(ARGS, { api: ends(...many, DONE) });
  expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  expect(stderr.trimEnd().split("\n").at(-1)).toContain("100%");
});

test("on a terminal there is a bar with percent, rate and ETA", async () => {
  const { stderr } = await larder(ARGS, { api: ends(PULL, DONE), terminal: true });
  expect(stderr).toMatch(/iris@1\.0\.0 {2}\[=+ *\] {3}50% .*256 B\/s.*ETA 2s/);
  expect(stderr).toContain("100%");
});

test("with --json every state is a line and the last one is the result", async () => {
  const { code, documents, stderr } = await larder([...ARGS, "--json"], { api: ends(PULL, DONE) });
  expect([code, stderr]).toEqual([0, ""]);
  expect(documents).toEqual([PULL, DONE] as never);
});

test("a failure says what to do next and its code decides the exit", async () => {
  const error = { code: "DIGEST_MISMATCH", message: "Cannot accept iris.onnx", retryable: false } as const;
  const { code, stderr, documents } = await larder([...ARGS, "--json"], {
    api: ends(PULL, { ...PULL, state: "failed", error }),
  });
  expect(code).toBe(76);
  expect(stderr).toMatch(/^larder: Cannot accept iris\.onnx\nlarder: Check the digest .*--mirror.*\n$/);
  expect(documents.at(-1)).toMatchObject({ error: { code: "DIGEST_MISMATCH" } });
});

test.each(["paused", "cancelled"] as const)("a pull that somebody %s exits with 1", async (state) => {
  const { code, stderr } = await larder(ARGS, { api: ends(PULL, { ...PULL, state }) });
  expect(code).toBe(1);
  expect(stderr).toContain(state);
});

test("Ctrl-C pauses our own pull, says how to go on, and exits with 130", async () => {
  const stop = new AbortController();
  const paused: string[] = [];
  const { code, stderr } = await larder(ARGS, {
    signal: stop.signal,
    api: {
      pull: () => Promise.resolve(PULL),
      watchPull: (_id, signal) => {
        queueMicrotask(() => stop.abort("SIGINT"));
        return sequenceUntilAbort([PULL], signal);
      },
      pausePull: (id) => (paused.push(id), Promise.resolve({ ...PULL, state: "paused" })),
    },
  });
  expect([code, paused]).toEqual([130, ["p1"]]);
  expect(stderr).toContain("Paused; 512 B of iris@1.0.0 are kept.");
  expect(stderr).toContain("larder pulls resume p1");
});

test("a server owns the home: its limits are set, and Ctrl-C leaves the pull to it", async () => {
  await using folder = await tempFolder();
  const socket = `${folder.path}/larder.sock`;
  const lines: string[] = [];
  const stop = new AbortController();
  const server = Bun.serve({
    unix: socket,
    fetch(request) {
      lines.push(`${request.method} ${new URL(request.url).pathname}`);
      if (!request.url.endsWith("/events")) return Response.json(PULL);
      setTimeout(() => stop.abort("SIGINT"), 10);
      return new Response(
        new ReadableStream({ start: (stream) => stream.enqueue(`${JSON.stringify(PULL)}\n`) }),
      );
    },
  });
  const { code, stderr } = await larder([...ARGS, "--limit-rate", "1MiB", "--home", folder.path], {
    signal: stop.signal,
  });
  await server.stop(true);
  expect(code).toBe(130);
  expect(lines).toEqual([
    "GET /health/live",
    "PUT /api/limits",
    "POST /api/models/download",
    "GET /api/pulls/p1/events",
  ]);
  expect(stderr).toContain("goes on with pull p1");
  expect(stderr).toContain("larder pulls cancel p1");
});

test("a server has its own settings, and flags that cannot reach it are told of", async () => {
  await using folder = await tempFolder();
  const asked: unknown[] = [];
  const server = Bun.serve({
    unix: `${folder.path}/larder.sock`,
    async fetch(request) {
      if (request.method === "POST") asked.push(await request.json());
      return request.url.endsWith("/events")
        ? new Response(`${JSON.stringify(DONE)}\n`)
        : Response.json(PULL);
    },
  });
  const argv = [
    "pull",
    "acme/tiny",
    "--offline",
    "--hub-endpoint",
    "https://a.example",
    "--home",
    folder.path,
  ];
  const { code, stderr } = await larder(argv);
  await server.stop(true);
  expect([code, asked]).toEqual([0, [{ model: "acme/tiny", offline: true }]]);
  expect(stderr).toContain("--hub-endpoint has no effect: the running server has its own settings.");
  expect(stderr).not.toContain("--allow-origins");
});

test("--connections and --limit-rate are settings of this process when it owns the home", async () => {
  const seen: unknown[] = [];
  const { code } = await larder([...ARGS, "--connections", "8", "--limit-rate", "10MiB"], {
    parts: {
      openHome: (config) => {
        seen.push(config.connectionsPerPull, config.rateBytesPerS);
        return Promise.resolve({ library: ends(DONE) as CliApi, close: () => Promise.resolve() });
      },
    },
  });
  expect([code, seen]).toEqual([0, [8, 10_485_760]]);
});

test("--input - reads the files from standard input", async () => {
  const asked: PullRequest[] = [];
  const { code } = await larder(["pull", "iris", "--input", "-"], {
    stdin: '[{"path":"a","urls":["https://a.example/a"]}]',
    api: { ...ends(DONE), pull: (request) => (asked.push(request), Promise.resolve(PULL)) },
  });
  expect([code, asked]).toEqual([0, [{
    model: "iris",
    files: [{ path: "a", urls: ["https://a.example/a"] }],
  }]]);
});

test("--input names a file that cannot be read", async () => {
  await using folder = await tempFolder();
  const { code, stderr } = await larder(["pull", "iris", "--input", "none.json"], { cwd: folder.path });
  expect(code).toBe(2);
  expect(stderr).toContain("none.json");
});

test("a server that stops in the middle is not taken for a pull that is done", async () => {
  const { code, stdout, stderr } = await larder(ARGS, { api: ends(PULL) });
  expect([code, stdout]).toEqual([75, ""]);
  expect(stderr).toContain("run the same command again");
});
