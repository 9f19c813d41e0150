import type { StructuredValue, Tensor } from "../types.ts";
import { type Field, fieldsOf, int64sOf, lengthDelimited, varintField } from "./wire.ts";

/** What a ZipMap at the end of a model would have done: gives each row of `scores` the names of its columns. */
export interface ZipMap {
  /** The output as the model names it. */
  readonly output: string;
  /** The tensor that it is made of: float32 [batch, labels]. */
  readonly scores: string;
  readonly labels: readonly string[];
}

export interface EditedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly zipMaps: readonly ZipMap[];
}

// Field numbers of ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto and TypeProto.
// @see onnx/onnx.proto of ONNX 1.23; ZipMap in docs/Operators-ml.md.
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_OUTPUT = 12;
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;
const NODE_OP = 4;
const NODE_ATTRIBUTE = 5;
const NODE_DOMAIN = 7;
const ATTRIBUTE_NAME = 1;
const ATTRIBUTE_INTS = 8;
const ATTRIBUTE_STRINGS = 9;
const INFO_NAME = 1;
const INFO_TYPE = 2;
const TYPE_TENSOR = 1;
const TENSOR_ELEMENT = 1;
const FLOAT = 1;

const DECODER = new TextDecoder();

/**
 * A model whose outputs are the tensors that ZipMaps would have taken: the native module gives no sequences and no maps.
 *
 * @returns Undefined when no output is made by a ZipMap.
 * @throws {LarderError} MODEL_BROKEN when the file is no protocol buffer.
 */
export function withoutZipMaps(model: Uint8Array): EditedModel | undefined {
  const fields = [...fieldsOf(model)];
  const graphs = fields.filter((field) => field.number === MODEL_GRAPH);
  const graph = graphs[0];
  if (graph === undefined || graphs.length > 1) return undefined;
  const { pieces, zipMaps } = editGraph(graph.bytes);
  if (zipMaps.length === 0) return undefined;
  const edited = fields.flatMap((field) =>
    field === graph ? lengthDelimited(MODEL_GRAPH, pieces) : [field.whole]
  );
  return { bytes: joined(edited), zipMaps };
}

function editGraph(graph: Uint8Array): { pieces: Uint8Array[]; zipMaps: ZipMap[] } {
  const fields = [...fieldsOf(graph)];
  const outputs = new Set(fields.filter((it) => it.number === GRAPH_OUTPUT).map((it) => nameOf(it.bytes)));
  const found = new Map<Field, ZipMap>();
  for (const field of fields) {
    const zipMap = field.number === GRAPH_NODE ? zipMapOf(field.bytes) : undefined;
    if (zipMap && outputs.has(zipMap.output)) found.set(field, zipMap);
  }
  const zipMaps = [...found.values()];
  const pieces = fields.flatMap((field) => {
    if (found.has(field)) return [];
    if (field.number !== GRAPH_OUTPUT) return [field.whole];
    const zipMap = zipMaps.find(({ output }) => output === nameOf(field.bytes));
    if (zipMap === undefined) return [field.whole];
    // Named twice, an output is refused.
    return outputs.has(zipMap.scores) ? [] : floatOutput(zipMap.scores);
  });
  return { pieces, zipMaps };
}

function zipMapOf(node: Uint8Array): ZipMap | undefined {
  const fields = [...fieldsOf(node)];
  const text = (number: number) => {
    const field = fields.find((it) => it.number === number);
    return field === undefined ? "" : DECODER.decode(field.bytes);
  };
  if (text(NODE_OP) !== "ZipMap" || text(NODE_DOMAIN) !== "ai.onnx.ml") return undefined;
  const labels = fields.filter((it) => it.number === NODE_ATTRIBUTE).flatMap((it) => labelsOf(it.bytes));
  return { output: text(NODE_OUTPUT), scores: text(NODE_INPUT), labels };
}

function labelsOf(attribute: Uint8Array): string[] {
  const fields = [...fieldsOf(attribute)];
  switch (nameOf(attribute, ATTRIBUTE_NAME)) {
    case "classlabels_strings":
      return fields.filter((it) => it.number === ATTRIBUTE_STRINGS).map((it) => DECODER.decode(it.bytes));
    case "classlabels_int64s":
      return fields.filter((it) => it.number === ATTRIBUTE_INTS).flatMap(int64sOf).map(String);
    default:
      return [];
  }
}

function nameOf(message: Uint8Array, number = INFO_NAME): string {
  for (const field of fieldsOf(message)) {
    if (field.number === number) return DECODER.decode(field.bytes);
  }
  return "";
}

/** Without a shape: the runtime infers it. */
function floatOutput(name: string): Uint8Array[] {
  const type = lengthDelimited(TYPE_TENSOR, varintField(TENSOR_ELEMENT, FLOAT));
  return lengthDelimited(GRAPH_OUTPUT, [
    ...lengthDelimited(INFO_NAME, [new TextEncoder().encode(name)]),
    ...lengthDelimited(INFO_TYPE, type),
  ]);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** One record for each row of scores; a vector is one row. */
export function rowsOf({ shape, data }: Tensor, labels: readonly string[]): StructuredValue {
  const columns = labels.length;
  const count = shape.length < 2 ? 1 : shape[0] ?? 0;
  const rows = Array.from(
    { length: count },
    (_, row) =>
      Object.fromEntries(labels.map((label, column) => [label, Number(data[row * columns + column])])),
  );
  return { rows };
}
