import { isLarderError } from "../../core/index.ts";
import type { StructuredSpec, TensorSpec } from "../types.ts";
import type { ByteReader } from "./byte-reader.ts";
import { unsupported } from "./fault.ts";
import { type ExternalUse, type OnnxFindings, readGraph, readPart } from "./onnx-graph.ts";
import { OnnxWeights } from "./onnx-weights.ts";
import { BYTES, ProtoReader, VARINT } from "./proto-reader.ts";

/** What one ONNX file says of itself. */
export interface OnnxHeader {
  /** What has to be given; weights that are listed as inputs too are left out. */
  readonly inputs: ReadonlyArray<TensorSpec | StructuredSpec>;
  readonly outputs: ReadonlyArray<TensorSpec | StructuredSpec>;
  /** The operator that is the model (`TreeEnsembleClassifier`), where there is one; null for networks. */
  readonly architecture: string | null;
  /** Null when nothing counts as weights, or when they are packed several to a number. */
  readonly parameters: number | null;
  /** `fp32`, `fp16`, `int8`, `q4`, `q4f16`, …; null without weights. */
  readonly quantization: string | null;
  /** Of this file, and of the tensors that lie in others. */
  readonly weightBytes: number;
  /** By file. */
  readonly external: readonly ExternalUse[];
}

/** Of a protocol buffer. */
const FILE_BYTES_MAX = 2 ** 31 - 1;
/** What ONNX Runtime 1.30 reads. */
const IR_VERSION_MAX = 13;

/** By number: kind of the fields of a `ModelProto`. */
const MODEL_FIELDS: ReadonlyMap<number, number> = new Map([
  ...[1, 5].map((number) => [number, VARINT] as const),
  ...[2, 3, 4, 6, 7, 8, 14, 20, 25, 26].map((number) => [number, BYTES] as const),
]);
const IR_VERSION = 1;
const GRAPH = 7;
const OPSET = 8;
const TRAINING = 20;
const FUNCTION = 25;

/**
 * Walks through a model field by field; the values of tensors are stepped over. Every tensor anywhere in it (subgraphs, functions,
 * attributes, sparse ones) is checked; whether other files that it uses are there is for {@link checkExternalData} to say.
 *
 * @see onnx.proto of ONNX 1.23
 * @throws {LarderError} MODEL_BROKEN with the offset; NOT_SUPPORTED for a version of the format that is too new.
 */
export async function parseOnnx(reader: ByteReader, signal?: AbortSignal): Promise<OnnxHeader> {
  const { sizeBytes } = reader;
  const field = new ProtoReader(reader, signal);
  if (sizeBytes > FILE_BYTES_MAX) throw field.broken(`it has ${sizeBytes} bytes, more than ONNX allows`, 0);
  const findings: OnnxFindings = {
    ...{ inputs: [], outputs: [], kept: new Set(), keptChars: 0 },
    ...{ external: new Map(), externalBytes: 0, weights: new OnnxWeights(), operator: null },
  };
  let version: number | undefined;
  let hasGraph = false;
  let hasOpset = false;
  await field.walkFile((inner) => {
    switch (inner.number) {
      case IR_VERSION:
        version = readVersion(inner);
        return;
      case GRAPH:
        if (hasGraph) throw inner.broken("it has two graphs");
        hasGraph = true;
        return readGraph(inner, findings);
      case OPSET:
        hasOpset = true;
        return;
      case TRAINING:
        return readPart(inner, "training", findings);
      case FUNCTION:
        return readPart(inner, "function", findings);
      default:
        return;
    }
  });
  if (version === undefined || !hasGraph || !hasOpset) {
    throw field.broken("it lacks the version, the graph or the operator sets that a model has");
  }
  return toHeader(findings, sizeBytes);
}

/** True when the whole file is a row of fields that a model has, a graph among them. */
export async function isOnnx(reader: ByteReader): Promise<boolean> {
  let hasGraph = false;
  try {
    await new ProtoReader(reader).walkFile((field) => {
      field.expect(MODEL_FIELDS.get(field.number) ?? -1);
      hasGraph ||= field.number === GRAPH;
    });
  } catch (error) {
    if (isLarderError(error, "MODEL_BROKEN")) return false;
    throw error;
  }
  return hasGraph;
}

function readVersion(field: ProtoReader): number {
  field.expect(VARINT);
  const version = field.integer;
  if (version < 1) throw field.broken(`its version is ${version}`);
  if (version > IR_VERSION_MAX) {
    throw unsupported(
      field.path,
      `it is ONNX of version ${version}; up to ${IR_VERSION_MAX} is supported`,
      0,
    );
  }
  return version;
}

function toHeader(findings: OnnxFindings, sizeBytes: number): OnnxHeader {
  const { inputs, outputs, kept, weights, external, externalBytes, operator } = findings;
  return {
    inputs: inputs.filter(({ name }) => !kept.has(name)),
    outputs,
    architecture: operator,
    parameters: weights.parameters,
    quantization: weights.quantization,
    weightBytes: sizeBytes + externalBytes,
    external: [...external.values()],
  };
}
