import { expect } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { tinySafetensors } from "../helpers/model-files.ts";
import { findTool, testWith } from "../helpers/tools.ts";
import { type ModelPlace, modelPlace, MODELS, type ModelServer } from "./model-place.ts";

const TIMEOUT_MS = 240_000;
const ROOT = resolve(import.meta.dir, "../..");
const CALLS =
  "%network,openat,openat2,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat," +
  "unlink,unlinkat,rmdir,truncate,mknod,mknodat,execve";
const WRITES = /\b(?:O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)\b/;
const CHANGES =
  /^(?:creat|mkdir|mkdirat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|unlink|unlinkat|rmdir|truncate|mknod|mknodat)\(/;

for (const isolation of ["thread", "process"]) {
  testWith(
    ["strace"],
    `traced with isolation = ${isolation}: every runtime runs, nothing goes to the network, nothing is written outside the home`,
    async () => {
      await using at = await modelPlace();
      await at.addAll();
      await at.add("acme/mapped@1.0.0", { "model.safetensors": tinySafetensors() });
      const lines = await traced(at, isolation, useAll);

      const made = lines.filter((line) => line.startsWith("execve("));
      expect(made.length).toBeGreaterThan(0);
      for (const library of ["onnx/libonnxruntime.so.1", "llama/llama-addon.node"]) {
        const path = new RegExp(
          `^open(?:at)?\\(.*"${at.larder.home}/runtimes/[0-9a-f]{16}/${library}", O_RDONLY.* = \\d`,
        );
        expect(lines.filter((line) => path.test(line))).not.toEqual([]);
      }

      expect(
        lines.filter((line) =>
          /sa_family=AF_INET/.test(line) && /^(?:connect|sendto|sendmsg|sendmmsg)\(/.test(line)
        ),
      )
        .toEqual([]);
      const sockets = lines.filter((line) => /^socket\(AF_INET/.test(line) && !/= -1/.test(line)).map(
        socketOf,
      );
      const bound = lines.filter((line) => line.startsWith("bind(") && line.includes("sa_family=AF_INET"));
      expect(bound.filter((line) => !line.includes('inet_addr("127.0.0.1")'))).toEqual([]);
      expect(sockets).toHaveLength(bound.length);

      const written = lines.flatMap(writtenPaths);
      expect(written).toContain(at.larder.inHome("registry.sqlite"));
      expect(written.filter((path) => !path.startsWith(`${at.larder.home}/`) && !path.startsWith("/dev/")))
        .toEqual([]);
      const changed = lines.filter((line) => CHANGES.test(line) && !line.includes("= -1"));
      expect(
        changed.filter((line) =>
          !line.includes(`"${at.larder.home}`) && !line.includes(`<${at.larder.home}`)
        ),
      ).toEqual([]);

      const opened = lines.filter((line) => /^open(?:at)?\(/.test(line));
      expect(opened.filter((line) => line.includes(`"${ROOT}`) || line.includes("node_modules"))).toEqual([]);
    },
    TIMEOUT_MS,
  );
}

/** Every line of strace, of all threads and processes, each thread's by itself so that no call is cut in two. */
async function traced(
  at: ModelPlace,
  isolation: string,
  use: (served: ModelServer) => Promise<void>,
): Promise<string[]> {
  const folder = join(at.larder.path, "trace");
  await mkdir(folder);
  const strace = `exec ${
    findTool("strace")
  } -ff -qq -y -s 4096 -e trace=${CALLS} -e signal=none -o ${folder}/t "$@"`;
  const served = await at.serve(["--models-max", "8"], { LARDER_ISOLATION: isolation }, strace);
  await use(served);
  // strace itself keeps signals for its child back.
  process.kill(served.server.pid, "SIGTERM");
  expect(await served.server.child.exited).toBe(0);
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => Bun.file(join(folder, name)).text()));
  return texts.flatMap((text) => text.split("\n"));
}

async function useAll({ api }: ModelServer): Promise<void> {
  const ids = [[1, 2, 3]];
  const ones = [[1, 1, 1]];
  const asked: [string, object][] = [
    ["/api/v1/predict", { model: "acme/linear", inputs: [[1, 0, 0, 0]] }],
    ["/api/v1/predict", { model: "acme/external", inputs: [[1, 0, 0, 0]] }],
    ["/api/v1/predict", { model: "acme/tree", inputs: [[5, 3, 1, 0.2]] }],
    ["/api/v1/predict", { model: "acme/transformer", inputs: { input_ids: ids, attention_mask: ones } }],
    ["/v1/chat/completions", {
      model: "acme/llama",
      messages: [{ role: "user", content: "hello" }],
      max_tokens: 3,
    }],
    ["/v1/embeddings", { model: "acme/llama", input: "hello" }],
    ["/api/cache/load", { model: "acme/mapped" }],
    ["/api/cache/evict", { model: "acme/llama" }],
    ["/api/v1/models/reload", { model: "acme/linear" }],
  ];
  expect(Object.keys(MODELS).every((model) => JSON.stringify(asked).includes(`"${model}"`))).toBe(true);
  for (const [path, body] of asked) {
    const { status, json } = await api.post(path, body);
    expect([path, status, json]).toEqual([path, 200, json]);
  }
}

/** Where a call that opens something for writing has opened it, as the kernel says. */
function writtenPaths(line: string): string[] {
  if (!/^(?:open|openat|openat2|creat)\(/.test(line) || !WRITES.test(line)) return [];
  const path = /= \d+<(.*)>$/.exec(line)?.[1];
  return path === undefined ? [] : [path.replace(/ ?\(deleted\)$/, "").replace(/<char .*$/, "")];
}

function socketOf(line: string): string {
  return /= (\d+)/.exec(line)?.[1] ?? line;
}
