import { z } from "zod";
import { LarderError } from "../../core/index.ts";
import { tensorFrom } from "../../library/index.ts";
import type { Tensor } from "../../runtimes/types.ts";
import { parseJson } from "../infer/bodies.ts";
import { checkBody } from "../validate.ts";
import { tensorOfBytes } from "./binary.ts";
import { DATATYPES, DTYPE_OF } from "./datatypes.ts";

const NAME_MAX = 600;
const TENSORS_MAX = 1000;
const RANK_MAX = 16;

/** The length of the JSON before binary tensors. */
export const HEADER_LENGTH = "inference-header-content-length";

const name = z.string("a string").max(NAME_MAX, `at most ${NAME_MAX} characters`);
const sizes = z.array(z.int("whole numbers").nonnegative("0 or more"), "an array of whole numbers").max(
  RANK_MAX,
  `at most ${RANK_MAX} dimensions`,
);
const tensors = `1 to ${TENSORS_MAX} inputs`;

// What a server does not know among parameters it leaves alone, says the protocol; so strictness ends at the known ones.
const request = z.object({
  id: z.string("a string").optional(),
  parameters: z.object({ binary_data_output: z.boolean("true or false").optional() }).optional(),
  inputs: z.array(
    z.object({
      name,
      shape: sizes,
      datatype: z.enum(DATATYPES, `one of ${DATATYPES.join(", ")}`),
      parameters: z.object({ binary_data_size: z.int("whole bytes").nonnegative("0 or more").optional() })
        .optional(),
      data: z.custom<readonly unknown[]>(Array.isArray, "an array of values").optional(),
    }),
    tensors,
  ).min(1, tensors).max(TENSORS_MAX, tensors),
  outputs: z.array(
    z.object({
      name,
      parameters: z.object({ binary_data: z.boolean("true or false").optional() }).optional(),
    }),
    "an array",
  ).max(TENSORS_MAX, `at most ${TENSORS_MAX} outputs`).optional(),
});

type Given = z.output<typeof request>;

export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** In this order; all when absent. */
  readonly outputs: readonly string[] | undefined;
  /** Which outputs go back as bytes behind the JSON. */
  readonly isBinary: (output: string) => boolean;
}

/** A body that is JSON alone. @throws {LarderError} BAD_BODY, BAD_INPUT */
export function inferRequestOfJson(body: unknown): InferRequest {
  return read(checkBody(request, body), new Uint8Array());
}

/**
 * A body of JSON and, behind it, the bytes of tensors in the order of the inputs.
 *
 * @param headerLength As the header has it.
 * @throws {LarderError} BAD_BODY, BAD_INPUT
 */
export function inferRequestOfBytes(body: Uint8Array<ArrayBuffer>, headerLength: string): InferRequest {
  const length = /^\d{1,15}$/.test(headerLength) ? Number(headerLength) : Infinity;
  if (length > body.byteLength) {
    throw new LarderError("BAD_BODY", `Cannot find ${headerLength.slice(0, 20)} bytes of JSON in the body`, {
      field: "Inference-Header-Content-Length",
      hint: "Give the length of the JSON in bytes, at most that of the body.",
    });
  }
  const json = parseJson(new TextDecoder().decode(body.subarray(0, length)));
  return read(checkBody(request, json), body.subarray(length));
}

function read({ id, parameters, inputs, outputs }: Given, binary: Uint8Array): InferRequest {
  const tensors = new Map<string, Tensor>();
  let at = 0;
  for (const input of inputs) {
    const size = input.parameters?.binary_data_size ?? 0;
    if (tensors.has(input.name)) throw bad(input.name, "it is given twice");
    if (at + size > binary.byteLength) throw bad(input.name, "its bytes go beyond the end of the body");
    tensors.set(input.name, tensorOf(input, binary.subarray(at, at + size)));
    at += size;
  }
  if (at !== binary.byteLength) throw surplus(binary.byteLength - at);
  return {
    id,
    inputs: Object.fromEntries(tensors),
    outputs: outputs?.map((output) => output.name),
    isBinary: binaryOutputs(outputs, parameters?.binary_data_output ?? false),
  };
}

function tensorOf(
  { name, shape, datatype, parameters, data }: Given["inputs"][number],
  bytes: Uint8Array,
): Tensor {
  const head = { name, dtype: DTYPE_OF[datatype], shape };
  const isBinary = parameters?.binary_data_size !== undefined;
  if (isBinary && data !== undefined) throw bad(name, "it has both data and binary_data_size");
  if (isBinary) return tensorOfBytes(head, bytes);
  if (data === undefined) throw bad(name, "it has neither data nor binary_data_size");
  return tensorFrom({ shape, data }, head);
}

/** What is said for one output is said for it; the rest is as the request says for all. */
function binaryOutputs(outputs: Given["outputs"], byDefault: boolean): (output: string) => boolean {
  const said = new Map(outputs?.map(({ name, parameters }) => [name, parameters?.binary_data]));
  return (output) => said.get(output) ?? byDefault;
}

function bad(input: string, reason: string): LarderError {
  return new LarderError("BAD_INPUT", `Cannot use input ${input}: ${reason}`, { field: `inputs.${input}` });
}

function surplus(bytes: number): LarderError {
  return new LarderError("BAD_BODY", `Cannot tell what the last ${bytes} bytes of the body are`, {
    field: "binary_data_size",
    hint: "The sizes of the inputs must add up to what follows the JSON.",
  });
}
