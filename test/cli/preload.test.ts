import { expect, test } from "bun:test";
import { startHttp } from "../../src/http/index.ts";
import { RESULTS, StandInPreload, STATS, VIEW } from "../http/preload-stand-in.ts";
import { CONFIG } from "../http/setup.ts";
import { StandInLibrary } from "../http/stand-in.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";

/** A server on the socket of a home. */
async function serving() {
  const folder = await tempFolder();
  const preload = new StandInPreload();
  const unixSocket = `${folder.path}/larder.sock`;
  const server = await startHttp({ library: new StandInLibrary(), preload, config: CONFIG, unixSocket });
  return {
    preload,
    larder: (argv: readonly string[]) => larder([...argv, "--home", folder.path]),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

interface Case {
  readonly argv: string;
  readonly calls: unknown[][];
  readonly document: object;
  readonly lines: readonly string[];
}

const CASES: readonly Case[] = [
  {
    argv: "preload add iris acme/tiny@1:q4 --priority 7",
    calls: [["add", [
      { model: "iris", priority: 7 },
      { model: "acme/tiny", version: "1", variant: "q4", priority: 7 },
    ]]],
    document: { added: ["iris", "acme/tiny"] },
    lines: ["Queued iris", "Queued acme/tiny"],
  },
  {
    argv: "preload",
    calls: [],
    document: VIEW,
    lines: [
      "MODEL         PRIORITY  STATE    WHY",
      "acme/tiny:q4     7.250  skipped  has 10 bytes; does not fit: it needs 10 bytes beside what is in memory",
      "idle, strategy size, 2 at once, 5 ms between",
    ],
  },
  {
    argv: "preload remove acme/tiny:q4",
    calls: [["remove", "acme/tiny:q4"]],
    document: { removed: 1 },
    lines: ["Removed acme/tiny:q4 from the queue"],
  },
  {
    argv: "preload remove absent",
    calls: [["remove", "absent"]],
    document: { removed: 0 },
    lines: ["absent was not in the queue"],
  },
  {
    argv: "preload clear",
    calls: [["remove", undefined]],
    document: { removed: 1 },
    lines: ["Removed 1 model from the queue"],
  },
  {
    argv: "preload config --enabled false --strategy recency --batch-size 3 --delay 0",
    calls: [["configure", { enabled: false, strategy: "recency", batch_size: 3, delay_ms: 0 }]],
    document: { enabled: false, strategy: "recency", batch_size: 3, delay_ms: 0 },
    lines: ["enabled:    no", "strategy:   recency", "batch size: 3", "delay:      0 ms"],
  },
  {
    argv: "preload config",
    calls: [],
    document: VIEW.config,
    lines: ["enabled:    yes", "strategy:   size", "batch size: 2", "delay:      5 ms"],
  },
  {
    argv: "preload stats",
    calls: [],
    document: STATS,
    lines: [
      "loaded:       3",
      "failed:       1",
      "skipped:      9",
      "success rate: 75 %",
      "time:         5s",
      "each:         1500 ms",
    ],
  },
  {
    argv: "preload now",
    calls: [["process"]],
    document: { results: RESULTS },
    lines: ["iris loaded in 12 ms", "acme/tiny:q4 gave way: a request needs its room"],
  },
];

test.each(CASES.map((one) => [one.argv, one] as const))(
  "larder %s asks the server",
  async (argv, { calls, document, lines }) => {
    await using s = await serving();
    const told = await s.larder(argv.split(" "));
    expect([told.code, told.stderr, told.stdout.trimEnd().split("\n")]).toEqual([0, "", lines as string[]]);
    expect(s.preload.calls).toEqual(calls);
    expect((await s.larder([...argv.split(" "), "--json"])).documents).toEqual([document as never]);
  },
);

test("without a server the queue is changed in the home itself, so that the next one works through it", async () => {
  const preload = new StandInPreload();
  const { code, stdout } = await larder(["preload", "add", "iris"], { api: { preload } });
  expect([code, stdout]).toEqual([0, "Queued iris\n"]);
  expect(preload.calls).toEqual([["add", [{ model: "iris", priority: 0 }]]]);
});

test("only a running server can preload now", async () => {
  const { code, stderr } = await larder(["preload", "now"], { api: { preload: new StandInPreload() } });
  expect(code).toBe(1);
  expect(stderr).toContain("larder serve");
});

test.each([["add iris --priority high"], ["config --batch-size 1.5"], ["config --strategy best"], ["add"]])(
  "larder preload %s is wrong use",
  async (line) => {
    const { code } = await larder(["preload", ...line.split(" ")], {
      api: { preload: new StandInPreload() },
    });
    expect(code).toBe(2);
  },
);
