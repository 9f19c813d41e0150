import type { StructuredSpec, TensorSpec } from "../types.ts";
import { shown, unsupported } from "./fault.ts";
import { type ExternalRange, NAME_BYTES_MAX, type OnnxTensor, readOnnxTensor } from "./onnx-tensor.ts";
import { readOnnxValue } from "./onnx-values.ts";
import type { OnnxWeights } from "./onnx-weights.ts";
import type { ProtoReader } from "./proto-reader.ts";

/** What is found while a model is walked through. */
export interface OnnxFindings {
  readonly inputs: (TensorSpec | StructuredSpec)[];
  readonly outputs: (TensorSpec | StructuredSpec)[];
  /** Names of the weights of the main graph. */
  readonly kept: Set<string>;
  keptChars: number;
  /** By location. */
  readonly external: Map<string, ExternalUse>;
  externalBytes: number;
  readonly weights: OnnxWeights;
  operator: string | null;
}

/** What a model expects of another file. */
export interface ExternalUse {
  /** Relative to the folder of the model's file; not checked yet. */
  readonly location: string;
  /** So long the file must be at least. */
  readonly endBytes: number;
  /** The one that needs it. */
  readonly tensor: string;
}

const VALUES_MAX = 10_000;
/** Names of weights are kept, to tell them from inputs; the largest models have some thousands. */
const KEPT_MAX = 2 ** 20;
const KEPT_CHARS_MAX = 32 * 2 ** 20;
/** Other files that one model may use. */
const EXTERNAL_FILES_MAX = 10_000;

/** Operators of `ai.onnx.ml` that are a whole model. */
const MODEL_OPERATOR =
  /^(?:TreeEnsemble(?:Classifier|Regressor)?|Linear(?:Classifier|Regressor)|SVM(?:Classifier|Regressor))$/;
const ML_DOMAIN = "ai.onnx.ml";
/** An operator of ONNX Runtime whose weights are packed; an attribute says how many bits each has. */
const PACKED_OPERATOR = "MatMulNBits";
const PACKED_BITS = "bits";

/** Messages in which tensors can be, and in which of their fields what is. */
type Part = "graph" | "function" | "training" | "node" | "attribute" | "sparse" | "tensor";
const PARTS: Readonly<Record<Exclude<Part, "node" | "tensor">, ReadonlyMap<number, Part>>> = {
  graph: new Map([[1, "node"], [5, "tensor"], [15, "sparse"]]),
  function: new Map([[7, "node"], [11, "attribute"]]),
  training: new Map([[1, "graph"], [2, "graph"]]),
  attribute: new Map([
    ...[5, 10].map((number) => [number, "tensor"] as const),
    ...[6, 11].map((number) => [number, "graph"] as const),
    ...[22, 23].map((number) => [number, "sparse"] as const),
  ]),
  sparse: new Map([[1, "tensor"], [2, "tensor"]]),
};

/** Reads the field that was just met as the main graph. */
export function readGraph(field: ProtoReader, findings: OnnxFindings): Promise<void> {
  const names = { inputs: new Set<string>(), outputs: new Set<string>() };
  return field.walk((inner) => {
    switch (inner.number) {
      case 5:
        return readTensor(inner, findings).then(({ name }) => keepName(inner, findings, name));
      case 11:
        return readValue(inner, findings.inputs, names.inputs);
      case 12:
        return readValue(inner, findings.outputs, names.outputs);
      case 15:
        return readSparseWeight(inner, findings);
      default:
        return readInside(inner, "graph", findings);
    }
  });
}

/** Reads the field that was just met, for what is in it. */
export async function readPart(field: ProtoReader, part: Part, findings: OnnxFindings): Promise<void> {
  if (part === "tensor") await readTensor(field, findings);
  else if (part === "node") await readNode(field, findings);
  else await field.walk((inner) => readInside(inner, part, findings));
}

/** Reads a field of a message of that kind; undefined when there is nothing to read in it. */
function readInside(
  field: ProtoReader,
  part: keyof typeof PARTS,
  findings: OnnxFindings,
): Promise<void> | undefined {
  const inner = PARTS[part].get(field.number);
  return inner && readPart(field, inner, findings);
}

async function readNode(field: ProtoReader, findings: OnnxFindings): Promise<void> {
  let operator = "";
  let domain = "";
  let bits: number | undefined;
  await field.walk(async (inner) => {
    if (inner.number === 4) operator = await inner.text(NAME_BYTES_MAX, "name of an operator");
    else if (inner.number === 7) domain = await inner.text(NAME_BYTES_MAX, "name of a domain");
    else if (inner.number === 5) bits = await readAttribute(inner, findings) ?? bits;
  });
  if (domain === ML_DOMAIN && MODEL_OPERATOR.test(operator)) findings.operator ??= operator;
  if (operator === PACKED_OPERATOR && bits !== undefined && bits > 0) findings.weights.addPacked(bits);
}

/** @returns Its number, when it is the one that says how packed weights are. */
async function readAttribute(field: ProtoReader, findings: OnnxFindings): Promise<number | undefined> {
  let isBits = false;
  let integer: number | undefined;
  await field.walk((inner) => {
    if (inner.number === 1 && inner.length === PACKED_BITS.length) {
      return inner.text(PACKED_BITS.length, "name of an attribute").then((name) => {
        isBits = name === PACKED_BITS;
      });
    }
    if (inner.number === 3) integer = inner.integer;
    return readInside(inner, "attribute", findings);
  });
  return isBits ? integer : undefined;
}

async function readTensor(field: ProtoReader, findings: OnnxFindings): Promise<OnnxTensor> {
  const tensor = await readOnnxTensor(field);
  findings.weights.add(tensor);
  if (tensor.external !== null) {
    findings.externalBytes += tensor.sizeBytes;
    noteExternal(field, findings.external, tensor, tensor.external);
  }
  return tensor;
}

function noteExternal(
  field: ProtoReader,
  external: Map<string, ExternalUse>,
  { name, sizeBytes }: OnnxTensor,
  { location, start }: ExternalRange,
): void {
  const endBytes = start + sizeBytes;
  if ((external.get(location)?.endBytes ?? -1) >= endBytes) return;
  external.set(location, { location, endBytes, tensor: name });
  if (external.size > EXTERNAL_FILES_MAX) {
    throw field.broken(`it uses more than ${EXTERNAL_FILES_MAX} other files`);
  }
}

/** The first of the two tensors of a sparse one has the name of both. */
async function readSparseWeight(field: ProtoReader, findings: OnnxFindings): Promise<void> {
  await field.walk(async (inner) => {
    if (inner.number !== 1 && inner.number !== 2) return;
    const { name } = await readTensor(inner, findings);
    if (inner.number === 1) keepName(inner, findings, name);
  });
}

function keepName(field: ProtoReader, findings: OnnxFindings, name: string): void {
  if (findings.kept.has(name)) return;
  findings.kept.add(name);
  findings.keptChars += name.length;
  if (findings.kept.size > KEPT_MAX || findings.keptChars > KEPT_CHARS_MAX) {
    throw unsupported(field.path, "it has more named weights than any model known", field.position);
  }
}

async function readValue(
  field: ProtoReader,
  values: (TensorSpec | StructuredSpec)[],
  names: Set<string>,
): Promise<void> {
  const value = await readOnnxValue(field);
  if (names.has(value.name)) throw field.broken(`${shown(value.name)} is there twice`);
  names.add(value.name);
  values.push(value);
  if (values.length > VALUES_MAX) throw field.broken(`it has more than ${VALUES_MAX} inputs or outputs`);
}
