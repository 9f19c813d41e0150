import type { ModelFile, ModelMetadata, StructuredSpec, TensorSpec } from "../types.ts";
import { type ByteReader, withReader } from "./byte-reader.ts";
import { readConfigFacts } from "./config-facts.ts";
import { broken, shown, unsupported } from "./fault.ts";
import { type FileFormat, formatOf } from "./format.ts";
import { type GgufHeader, parseGguf } from "./gguf.ts";
import { findGgufModel } from "./inspect-gguf.ts";
import { mappedMetadata } from "./inspect-mapped.ts";
import { checkExternalData } from "./onnx-external.ts";
import { type OnnxHeader, parseOnnx } from "./onnx.ts";
import { parseSafetensors, type SafetensorsHeader } from "./safetensors.ts";
import { checkShardIndexes } from "./shard-index.ts";

/** What the files of a version are. */
export interface Inspection {
  readonly metadata: ModelMetadata;
  /** What the runtime opens first: a graph, the first part of a split, the first file of weights. */
  readonly entry: ModelFile;
  /** All that hold weights, the entry first. */
  readonly weights: readonly ModelFile[];
  /** What a person should know of: files that can run code when they are loaded. */
  readonly notes: readonly string[];
}

type Header =
  | { readonly format: "gguf"; readonly header: GgufHeader }
  | { readonly format: "onnx"; readonly header: OnnxHeader }
  | { readonly format: "safetensors"; readonly header: SafetensorsHeader }
  | { readonly format: "pickle" | "other" };
type Inspected = Header & { readonly file: ModelFile };

/** {@link inspectModel}, of which only what may be told is given. */
export async function inspectFiles(
  files: readonly ModelFile[],
  signal?: AbortSignal,
): Promise<ModelMetadata> {
  return (await inspectModel(files, signal)).metadata;
}

/**
 * Reads the headers of all files and chooses the runtime: `gguf` when there is a GGUF model; else `onnx` when there is just one graph;
 * else `mapped`, as for everything that no runtime here runs as a whole. Each header is checked against its file.
 *
 * @throws {LarderError} MODEL_BROKEN naming what is wrong and where; NOT_SUPPORTED; as {@link withReader} when a file is not what was
 * recorded; and the reason of the signal.
 */
export async function inspectModel(files: readonly ModelFile[], signal?: AbortSignal): Promise<Inspection> {
  const inspected: Inspected[] = [];
  for (const file of files) {
    inspected.push({ file, ...await withReader(file, (reader) => readHeader(reader, signal)) });
  }
  const graphs = inspected.filter((one) => one.format === "onnx");
  const used = graphs.flatMap(({ file, header }) => checkExternalData(file, header, files));
  const notes = inspected.filter((one) => one.format === "pickle").map(({ file }) =>
    `${file.path} can run code when Python loads it; it is never loaded here`
  );
  const gguf = findGgufModel(inspected.filter((one) => one.format === "gguf"));
  const [entry] = gguf?.files ?? [];
  if (gguf !== undefined && entry !== undefined) {
    return { metadata: gguf.metadata, entry, weights: gguf.files, notes };
  }
  const [graph, another] = graphs;
  if (graph !== undefined && another === undefined) {
    const metadata = await onnxMetadata(files, graph.file, graph.header);
    return { metadata, entry: graph.file, weights: [graph.file, ...used], notes };
  }
  return { ...await inspectMapped(files, inspected, used), notes };
}

async function readHeader(reader: ByteReader, signal: AbortSignal | undefined): Promise<Header> {
  const format: FileFormat = await formatOf(reader);
  switch (format) {
    case "gguf":
      return { format, header: await parseGguf(reader, signal) };
    case "onnx":
      return { format, header: await parseOnnx(reader, signal) };
    case "safetensors":
      return { format, header: await parseSafetensors(reader, signal) };
    case "pickle":
    case "other":
      return { format };
  }
}

async function onnxMetadata(
  files: readonly ModelFile[],
  file: ModelFile,
  header: OnnxHeader,
): Promise<ModelMetadata> {
  const facts = await readConfigFacts(files, file.path);
  return {
    runtime: "onnx",
    architecture: header.architecture ?? facts.architecture,
    parameters: header.parameters,
    contextLength: facts.contextLength,
    quantization: header.quantization,
    inputs: header.inputs.map((input) => asTensor(file, input)),
    outputs: header.outputs,
    weightBytes: header.weightBytes,
  };
}

function asTensor(file: ModelFile, input: TensorSpec | StructuredSpec): TensorSpec {
  if ("dtype" in input) return input;
  throw unsupported(
    file.path,
    `its input ${shown(input.name)} is a ${shown(input.type)}, which cannot be given`,
  );
}

async function inspectMapped(
  files: readonly ModelFile[],
  inspected: readonly Inspected[],
  used: readonly ModelFile[],
): Promise<Omit<Inspection, "notes">> {
  const headers = inspected.filter((one) => one.format === "safetensors");
  if (headers.length > 0) await checkShardIndexes(files);
  const known = inspected.filter((one) => one.format !== "other" && one.format !== "pickle").map(({ file }) =>
    file
  );
  const weights = known.length > 0 ? [...new Set([...known, ...used])] : files;
  const [entry] = weights;
  if (entry === undefined) throw broken("this version", "it has no files");
  const weightBytes = headers.length > 0 && headers.length === known.length
    ? headers.reduce((sum, { header }) => sum + header.weightBytes, 0)
    : weights.reduce((sum, file) => sum + file.sizeBytes, 0);
  const facts = await readConfigFacts(files, entry.path);
  return {
    metadata: mappedMetadata(headers.map(({ header }) => header), facts, weightBytes),
    entry,
    weights,
  };
}
