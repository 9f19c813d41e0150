// deno-lint-ignore-file no-console
import type { GgufQuestion, GgufReference, OnnxQuestion, PlainTensor } from "./reference.ts";

const [, , runtime, question = ""] = process.argv;
const answer = runtime === "onnx" ? await onnx(JSON.parse(question)) : await gguf(JSON.parse(question));
console.log(JSON.stringify(answer));
process.exit(0);

async function onnx({ model, feeds, outputs }: OnnxQuestion): Promise<Record<string, PlainTensor>> {
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const session = await InferenceSession.create(model);
  const tensors = Object.entries(feeds).map(([name, { dtype, shape, data }]) => {
    const values = dtype === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data);
    return [name, new Tensor(dtype as "int64" | "float32", values as Float32Array, shape)] as const;
  });
  const results = await session.run(Object.fromEntries(tensors), [...outputs]);
  return Object.fromEntries(outputs.map((name) => {
    const { type, dims, data } = results[name] ?? new Tensor("float32", []);
    return [name, { dtype: type, shape: dims, data: Array.from(data as Iterable<number | bigint>, Number) }];
  }));
}

/** The prompt is read as llama.cpp reads one: the token that begins a text, then the text with a space before it. */
async function gguf({ model: modelPath, text, tokens }: GgufQuestion): Promise<GgufReference> {
  const { getLlama, LlamaLogLevel } = await import("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.disabled });
  const model = await llama.loadModel({ modelPath });
  const embeddings = await model.createEmbeddingContext();
  const { vector } = await embeddings.getEmbeddingFor(text);
  const sequence = (await model.createContext({ contextSize: 512 })).getSequence();
  const { bos } = model.tokens;
  const prompt = [...(bos === null ? [] : [bos]), ...model.tokenize(text, true)];
  const generated = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (model.isEogToken(token)) break;
    generated.push(token);
    if (generated.length === tokens) break;
  }
  return { embedding: vector, completion: model.detokenize(generated) };
}
