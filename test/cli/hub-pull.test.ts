import { expect, test } from "bun:test";
import type { LarderApi, PullFileView, PullRequest, PullView } from "../../src/library/index.ts";
import { larder, type RunOptions } from "./harness.ts";
import { COMMIT, DONE, PULL, sequence } from "./views.ts";

const FILE = DONE.files[0] as PullFileView;
const HUB: PullView = { ...PULL, model: "acme/tiny", version: COMMIT, variant: "Q3_K_S" };
const NO_SPACE = { code: "NO_SPACE", message: "Cannot store 4 GiB: 1 GiB is free", retryable: true } as const;

function pulling(views: readonly PullView[], asked: PullRequest[] = []): Partial<LarderApi> {
  return {
    pull: (request) => (asked.push(request), Promise.resolve(HUB)),
    watchPull: () => sequence(...views),
  };
}

function hubDone(more: Partial<PullView> = {}): PullView {
  return { ...HUB, state: "done", bytes_done: 1024, finished_at: 1_700_000_004, ...more };
}

test.each<[string[], Record<string, string>, PullRequest]>([
  [["acme/tiny"], {}, { model: "acme/tiny" }],
  [["acme/tiny@v1:Q4_K_M", "--fallback", "Q3_K_S,Q2_K"], {}, {
    model: "acme/tiny",
    revision: "v1",
    variant: "Q4_K_M",
    fallback: ["Q3_K_S", "Q2_K"],
  }],
  [["acme/tiny", "--revision", "refs/pr/1", "--files", "*.json", "--files", "onnx/**"], {}, {
    model: "acme/tiny",
    revision: "refs/pr/1",
    patterns: ["*.json", "onnx/**"],
  }],
  [["acme/tiny", "--offline"], {}, { model: "acme/tiny", offline: true }],
  [["acme/tiny"], { HF_HUB_OFFLINE: "1" }, { model: "acme/tiny", offline: true }],
  [["iris", "https://a.example/x", "--variant", "q4"], { HF_HUB_OFFLINE: "1" }, {
    model: "iris",
    variant: "q4",
    files: [{ path: "x", urls: ["https://a.example/x"] }],
  }],
])("pull %j with %j asks for %j", async (argv, env, request) => {
  const asked: PullRequest[] = [];
  const { code } = await larder(["pull", ...argv], { api: pulling([hubDone()], asked), env });
  expect([code, asked]).toEqual([0, [request]]);
});

test("the end says what was taken, and why not what was asked for", async () => {
  const skipped = [
    { variant: "Q8_0", error: NO_SPACE },
    {
      variant: "Q4_K_M",
      error: { ...NO_SPACE, code: "CORRUPT_SOURCE", message: "Cannot trust\u001b[2J it" } as const,
    },
  ];
  const { code, stdout } = await larder(["pull", "acme/tiny:Q8_0", "--fallback", "smaller"], {
    api: pulling([hubDone({ skipped })]),
  });
  expect([code, stdout.split("\n")]).toEqual([0, [
    `acme/tiny@${COMMIT}:Q3_K_S  1 file, 1.0 KiB, 512 B fetched in 4s`,
    "Not Q8_0: Cannot store 4 GiB: 1 GiB is free (NO_SPACE)",
    "Not Q4_K_M: Cannot trust\\u001b[2J it (CORRUPT_SOURCE)",
    "",
  ]] as never);
});

test("a pull that fails in the end tells what was tried before", async () => {
  const failed = {
    ...HUB,
    state: "failed",
    skipped: [{ variant: "Q8_0", error: NO_SPACE }],
    error: NO_SPACE,
  } as const;
  const { code, stdout, stderr } = await larder(["pull", "acme/tiny:Q8_0"], { api: pulling([failed]) });
  expect([code, stdout]).toEqual([73, ""]);
  expect(stderr).toContain("larder: Not Q8_0: Cannot store 4 GiB: 1 GiB is free (NO_SPACE)\n");
});

test("before its files are known a pull shows nothing but its name", async () => {
  const unknown = { ...HUB, version: null, variant: "", files: [], bytes_done: 0, bytes_total: null };
  const { stderr } = await larder(["pull", "acme/tiny"], { api: pulling([unknown, hubDone()]) });
  expect(stderr).toBe("acme/tiny:Q3_K_S  100%  1.0 KiB / 1.0 KiB  ETA 2s\n");
});

test("pulls show names the variant and those that were tried before it", async () => {
  const error = { code: "NO_SPACE", message: "Cannot store it", retryable: true } as const;
  const pull = { ...PULL, variant: "Q2_K", skipped: [{ variant: "Q8_0", error }] };
  const { stdout } = await larder(["pulls", "show", "p1"], { api: { getPull: () => Promise.resolve(pull) } });
  expect(stdout).toContain("variant: Q2_K\nskipped: Not Q8_0: Cannot store it (NO_SPACE)\n");
});

/** What stays on a terminal of 80 columns when the verb is done. */
function screenOf(stderr: string): string[] {
  const rows: string[] = [""];
  let row = 0;
  let column = 0;
  const [up, all, below, right] = [/^\u001b\[(\d+)A/, /^\u001b\[2K/, /^\u001b\[0?J/, /^\u001b\[0?K/];
  for (let rest = stderr; rest !== "";) {
    const line = rows[row] ?? "";
    const sequence = /^\u001b\[[0-9;]*[A-Za-z]/.exec(rest)?.[0];
    if (sequence === undefined) {
      const letter = rest[0] ?? "";
      if (letter === "\n") [row, column] = [row + 1, 0];
      else {
        rows[row] = line.padEnd(column).slice(0, column) + letter + line.slice(column + 1);
        column++;
      }
      rest = rest.slice(1);
      continue;
    }
    if (up.test(sequence)) row -= Number(up.exec(sequence)?.[1]);
    else if (all.test(sequence)) rows[row] = "";
    else if (below.test(sequence)) rows.splice(row, rows.length, line.slice(0, column));
    else if (right.test(sequence)) rows[row] = line.slice(0, column);
    else if (/^\u001b\[\d*G/.test(sequence)) column = Number(/\d+/.exec(sequence)?.[0] ?? 1) - 1;
    else throw new Error(`unknown sequence ${JSON.stringify(sequence)}`);
    rest = rest.slice(sequence.length);
  }
  return rows.map((text) => text.trimEnd());
}

const TERMINAL: RunOptions = { terminal: true };

test("on a terminal every file has a bar below that of all", async () => {
  const files = [{ ...FILE, path: "a/one.gguf" }, {
    ...FILE,
    path: "two.json",
    bytes_done: 1024,
    state: "done" as const,
  }];
  const views = [{ ...HUB, files }, hubDone({ files })];
  const { stdout, stderr } = await larder(["pull", "acme/tiny"], { ...TERMINAL, api: pulling(views) });
  expect(stdout).toContain("2 files");
  expect(screenOf(stderr)).toEqual([
    "acme/tiny:Q3_K_S  [==========================]  100%  1.0 KiB / 1.0 KiB  ETA 2s",
    "  one.gguf        [=============             ]   50%  512 B / 1.0 KiB",
    "  two.json        [==========================]  100%  1.0 KiB / 1.0 KiB",
  ]);
});

test("of many files only those that run have a bar, and none is left at the end", async () => {
  const files = Array.from({ length: 40 }, (_, at) => ({
    ...FILE,
    path: `part-${at}.bin`,
    state: at < 3 ? "running" as const : "queued" as const,
  }));
  const ended = files.map((file) => ({ ...file, state: "done" as const }));
  const views = [{ ...HUB, files }, hubDone({ files: ended })];
  const { stderr } = await larder(["pull", "acme/tiny"], { ...TERMINAL, api: pulling(views) });
  for (const name of ["part-0.bin", "part-2.bin"]) expect(stderr).toContain(name);
  expect(stderr).not.toContain("part-3.bin");
  const screen = screenOf(stderr);
  expect([screen.length, screen[0]?.startsWith("acme/tiny:Q3_K_S")]).toEqual([1, true]);
});
