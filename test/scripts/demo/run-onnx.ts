import { InferenceSession, Tensor } from "onnxruntime-node";

// A process of its own, so that the runtime and whoever tests with it share nothing. Runs a model on rows of four numbers and prints the
// outputs that were named, as JSON. Arguments: the path of the model, the rows as JSON, the names.
const [path = "", rows = "[]", ...names] = process.argv.slice(2);
const values = JSON.parse(rows) as number[][];
const session = await InferenceSession.create(path);
const input = new Tensor("float32", Float32Array.from(values.flat()), [values.length, 4]);
const outputs = await session.run({ float_input: input }, names);
const plain = Object.entries(outputs).map(([name, { type, dims, data }]) => {
  return [name, {
    type,
    dims,
    data: Array.from<unknown>(data).map((one) => typeof one === "bigint" ? Number(one) : one),
  }];
});
process.stdout.write(JSON.stringify({
  inputs: session.inputMetadata,
  outputs: session.outputMetadata,
  values: Object.fromEntries(plain),
}));
