import { expect, test } from "bun:test";
import { LarderError } from "../../src/core/index.ts";
import { startHttp } from "../../src/http/index.ts";
import { BY, FELL_BACK, StandInModels, STATS } from "../http/models-stand-in.ts";
import { CONFIG } from "../http/setup.ts";
import { StandInLibrary } from "../http/stand-in.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";

/** A server on the socket of a home, before models that are not there. */
async function serving() {
  const folder = await tempFolder();
  const models = new StandInModels();
  const library = Object.assign(new StandInLibrary(), { models });
  const server = await startHttp({ library, config: CONFIG, unixSocket: `${folder.path}/larder.sock` });
  return {
    models,
    home: folder.path,
    larder: (...argv: string[]) => larder([...argv, "--home", folder.path]),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test.each<[string[], unknown[], string, object]>([
  [
    ["load", "iris@stable:q4"],
    ["load", { model: "iris", version: "stable", variant: "q4" }, {}],
    "Loaded iris@2.0.0:default",
    BY,
  ],
  [["unload", "acme/tiny@1"], ["unload", { model: "acme/tiny", version: "1" }], "Unloaded acme/tiny@1", {
    model: "acme/tiny",
    version: "1",
    evicted: true,
  }],
  [
    ["pin", "acme/tiny:q4"],
    ["setPinned", { model: "acme/tiny", variant: "q4" }, true],
    "Pinned iris@2.0.0:default",
    {
      ...BY,
      pinned: true,
    },
  ],
  [["unpin", "iris"], ["setPinned", { model: "iris" }, false], "Unpinned iris@2.0.0:default", {
    ...BY,
    pinned: false,
  }],
])("%j asks the server", async (argv, call, line, document) => {
  await using s = await serving();
  const told = await s.larder(...argv);
  expect([told.code, told.stdout, told.stderr]).toEqual([0, `${line}\n`, ""]);
  expect(s.models.calls).toEqual([call] as never);
  expect((await s.larder(...argv, "--json")).documents).toEqual([document] as never);
});

test.each([["ps"], ["load iris"], ["unload iris"], ["reload"]])(
  "%s without a server says how to start one",
  async (line) => {
    const { code, stderr } = await larder(line.split(" "));
    expect([code, stderr.split("\n").length]).toEqual([1, 3]);
    expect(stderr).toContain("larder serve");
  },
);

test("ps shows what is in memory, what is being loaded and what failed", async () => {
  await using s = await serving();
  const { code, stdout } = await s.larder("ps");
  expect(code).toBe(0);
  const [title, iris, tiny, summary, failed] = stdout.split("\n");
  expect(title).toMatch(/^MODEL +STATE +SIZE +USES +LEASES +PINNED +LAST USED$/);
  expect(iris).toMatch(/^iris@2\.0\.0:default +loaded +2\.0 KiB +7 +1 +yes +2023-11-1[45] \d\d:\d\d$/);
  expect(tiny).toMatch(/^acme\/tiny@1:q4 +loading for 2s +~4\.0 KiB +2 wait$/);
  expect(summary).toBe("1 of 3 models, 2.0 KiB of 1.0 MiB, policy lru, 75 % of requests found theirs loaded");
  expect(failed).toBe("bad@1:default tried again in 4s: Cannot load it");
  expect((await s.larder("ps", "--json")).documents).toEqual([STATS] as never);
});

test("a fallback is told beside the answer", async () => {
  await using s = await serving();
  s.models.by = FELL_BACK;
  const { stdout, stderr } = await s.larder("load", "iris");
  expect(stdout).toBe("Loaded iris@1.0.0:default\n");
  expect(stderr).toBe("larder: iris@1.0.0:default stands in for iris@2.0.0:default: Cannot load it\n");
});

test("predict goes through the server that owns the home", async () => {
  await using s = await serving();
  const { code, stdout } = await s.larder("predict", "iris@1.0", "[[5.1, 3.5, 1.4, 0.2]]", "--output", "y");
  expect([code, stdout]).toEqual([
    0,
    "PREDICTION  PROBABILITIES\nsetosa      setosa 0.75, virginica 0.25\n",
  ]);
  const asked = { model: "iris", version: "1.0", inputs: [[5.1, 3.5, 1.4, 0.2]], outputs: ["y"] };
  expect(s.models.calls).toEqual([["predict", asked, {}]]);
});

test("predict without a server opens the home itself, and waits while the model is loaded", async () => {
  let asked = 0;
  const predict = () => {
    asked++;
    if (asked === 1) {
      return Promise.reject(new LarderError("MODEL_LOADING", "Cannot use iris yet: it is loading"));
    }
    const y = { dtype: "float32", shape: [1, 2], data: [[0.5, null]] } as const;
    return Promise.resolve({
      ...BY,
      outputs: { y, seq: [{ a: 1 }] },
      timing_ms: { load: 1, queue: 0, run: 1, total: 2 },
    });
  };
  const { code, stdout, stderr } = await larder(["predict", "iris", '{"x": [[1]]}'], {
    api: { models: { predict } },
  });
  expect([code, asked]).toEqual([0, 2]);
  expect(stdout).toBe('y  float32 [1, 2]  [[0.5,null]]\nseq  [{"a":1}]\n');
  expect(stderr).toBe("larder: Cannot use iris yet: it is loading. Waiting.\n");
});

test("predict takes inputs from a file or from standard input", async () => {
  await using folder = await tempFolder();
  await Bun.write(`${folder.path}/rows.json`, "[[1, 2]]");
  const asked: unknown[] = [];
  const models = {
    predict: (request: unknown) => {
      asked.push(request);
      return Promise.resolve({ ...BY, outputs: {}, timing_ms: { load: 0, queue: 0, run: 0, total: 0 } });
    },
  };
  const file = await larder(["predict", "iris", "--input", "rows.json"], {
    api: { models },
    cwd: folder.path,
  });
  const piped = await larder(["predict", "iris", "--input", "-"], { api: { models }, stdin: "[[3, 4]]" });
  expect([file.code, piped.code]).toEqual([0, 0]);
  expect(asked).toEqual([{ model: "iris", inputs: [[1, 2]] }, { model: "iris", inputs: [[3, 4]] }]);
});

test("an interrupted predict ends at once", async () => {
  const stop = new AbortController();
  const models = {
    predict: () => {
      stop.abort("SIGINT");
      return new Promise<never>(() => {});
    },
  };
  const { code } = await larder(["predict", "iris", "[[1]]"], { api: { models }, signal: stop.signal });
  expect(code).toBe(130);
});

test("an error of the input names it and is wrong use", async () => {
  const failure = new LarderError("BAD_INPUT", "Cannot use input x: it has 3 values", { hint: "Give 4." });
  const models = { predict: () => Promise.reject(failure) };
  const { code, stderr } = await larder(["predict", "iris", "[[1]]"], { api: { models } });
  expect([code, stderr]).toEqual([2, "larder: Cannot use input x: it has 3 values\nlarder: Give 4.\n"]);
});

const FAILED = [{
  model: "iris",
  version: "3",
  variant: "default",
  error: { code: "MODEL_BROKEN", message: "Cannot load iris@3", retryable: false },
}] as const;

test("reload tells what moved and what stayed, and the exit code is that of a failure", async () => {
  await using s = await serving();
  const reloaded = [{ model: "acme/tiny", from: "1", to: "2", variant: "q4", ms: 12 }];
  s.models.reloaded = { reloaded, failed: [] };
  const all = await s.larder("reload");
  expect([all.code, all.stdout]).toEqual([0, "MODEL         FROM  TO  MS\nacme/tiny:q4  1     2   12\n"]);
  s.models.reloaded = { reloaded, failed: FAILED };
  const partly = await s.larder("reload", "--json");
  expect([partly.code, partly.stderr]).toEqual([76, "larder: iris@3:default failed: Cannot load iris@3\n"]);
  expect(partly.documents).toEqual([{ reloaded, failed: FAILED }] as never);
  s.models.reloaded = { reloaded: [], failed: [] };
  expect((await s.larder("reload")).stdout).toBe("Nothing is loaded\n");
});

test("C11: reload of one model that fails is an error", async () => {
  await using s = await serving();
  s.models.reloaded = { reloaded: [], failed: FAILED };
  const { code, stderr } = await s.larder("reload", "iris@stable", "--probe", "[[1]]");
  expect([code, stderr]).toEqual([76, "larder: Cannot load iris@3\n"]);
  expect(s.models.calls).toEqual([["reload", { model: "iris", version: "stable", probe: [[1]] }]]);
});
