// deno-lint-ignore-file no-console
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import {
  createRuntimes,
  type LoadedModel,
  type LoadRequest,
  MODEL_PROCESS,
  runModelProcess,
} from "../../src/runtimes/index.ts";

// Compiled beside a copy of the source, as the executable is, to use every runtime from inside of one: `<home> <model files ...>`.

if (process.argv[2] === MODEL_PROCESS) await runModelProcess();

const [home = "", ...paths] = process.argv.slice(2);
const runtimes = createRuntimes({ home });
const answers: Record<string, unknown> = {};
for (const isolation of ["thread", "process"] as const) {
  for (const path of paths) answers[`${basename(path)} in a ${isolation}`] = await answerOf(path, isolation);
}
await runtimes.close();
console.log(JSON.stringify(answers));
process.exit(0);

async function answerOf(path: string, isolation: LoadRequest["isolation"]): Promise<unknown> {
  const bytes = readFileSync(path);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const files = [{ path: basename(path), localPath: path, sizeBytes: bytes.byteLength, sha256 }];
  try {
    const model = await runtimes.load({
      label: basename(path),
      folder: dirname(path),
      files,
      isolation,
      options: {},
    });
    const answer = await use(model);
    await model.dispose();
    return answer;
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : String(error);
  }
}

async function use(model: LoadedModel): Promise<unknown> {
  const [input] = model.metadata.inputs;
  if (input !== undefined) {
    const x = { dtype: "float32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
    const { outputs } = await model.run({ kind: "tensors", inputs: { [input.name]: x } });
    return Object.fromEntries(
      Object.entries(outputs).map(([name, value]) =>
        ["rows" in value ? value.rows : Array.from(value.data, Number), name]
          .reverse()
      ),
    );
  }
  const prompt = [{ role: "user", content: "hello" }] as const;
  const { text, completionTokens } = await model.generate({ kind: "generate", prompt, maxTokens: 8 });
  const { embedding } = await model.embed({ kind: "embed", input: "hello" });
  return { hasText: text.length > 0, completionTokens, width: embedding.length };
}
