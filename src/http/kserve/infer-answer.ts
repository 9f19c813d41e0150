import type { InferResult } from "../../library/index.ts";
import { jsonValues } from "../../library/index.ts";
import type { StructuredValue, Tensor } from "../../runtimes/types.ts";
import { REQUEST_ID } from "../exchange.ts";
import { servedHeaders } from "../infer/served.ts";
import { bytesOfTensor } from "./binary.ts";
import { DATATYPE_OF } from "./datatypes.ts";
import { HEADER_LENGTH, type InferRequest } from "./infer-request.ts";

interface OutputHead {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly data?: readonly unknown[];
}

/** The outputs as the client wants them: JSON alone, or JSON and behind it the bytes of tensors in the order of the outputs. */
export function inferAnswer(
  result: InferResult,
  { id, outputs, isBinary }: InferRequest,
  requestId: string,
): Response {
  const heads: OutputHead[] = [];
  const binaries: Uint8Array[] = [];
  for (const name of outputs ?? Object.keys(result.outputs)) {
    const value = result.outputs[name];
    if (value === undefined) continue;
    const { tensor, labels } = "rows" in value ? table(value) : { tensor: value };
    const bytes = isBinary(name) ? bytesOfTensor(tensor) : undefined;
    if (bytes !== undefined) binaries.push(bytes);
    heads.push(outputHead(name, tensor, bytes, labels));
  }
  const json = JSON.stringify({
    model_name: result.model,
    model_version: result.version,
    ...(id === undefined ? {} : { id }),
    outputs: heads,
  });
  const headers = servedHeaders(result);
  headers[REQUEST_ID] = requestId;
  headers["content-type"] = binaries.length === 0 ? "application/json" : "application/octet-stream";
  if (binaries.length === 0) return new Response(json, { headers });
  const head = Buffer.from(json);
  headers[HEADER_LENGTH] = String(head.length);
  return new Response(Buffer.concat([head, ...binaries]), { headers });
}

function outputHead(
  name: string,
  tensor: Tensor,
  bytes: Uint8Array | undefined,
  labels: string | undefined,
): OutputHead {
  const parameters = {
    ...(labels === undefined ? {} : { labels }),
    ...(bytes === undefined ? {} : { binary_data_size: bytes.byteLength }),
  };
  return {
    name,
    datatype: DATATYPE_OF[tensor.dtype],
    shape: tensor.shape,
    ...(labels === undefined && bytes === undefined ? {} : { parameters }),
    ...(bytes === undefined ? { data: numbersOf(tensor) } : {}),
  };
}

/** Whole numbers that a double does not hold stay numbers: JSON can write them, and most clients can read them. */
function numbersOf({ dtype, data }: Tensor): readonly unknown[] {
  const values = jsonValues(dtype, data);
  if (dtype !== "int64" && dtype !== "uint64") return values;
  return values.map((value) => typeof value === "string" ? rawJson(value) : value);
}

// Of ECMA-2026; the type declarations do not have it yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/**
 * What the protocol has no type for, a map of labels to numbers per row, as a table: FP32 [rows, labels], the labels in the parameter
 * `labels` as a JSON array. A label that a row lacks is NaN.
 */
function table({ rows }: StructuredValue): { readonly tensor: Tensor; readonly labels: string } {
  const labels = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const values = rows.flatMap((row) => labels.map((label) => row[label] ?? NaN));
  const tensor = {
    dtype: "float32",
    shape: [rows.length, labels.length],
    data: Float32Array.from(values),
  } as const;
  return { tensor, labels: JSON.stringify(labels) };
}
