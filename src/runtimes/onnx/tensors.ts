import { LarderError } from "../../core/index.ts";
import type { Dtype, Tensor, TensorData } from "../types.ts";

/**
 * A tensor as the native module takes and makes it. The class of onnxruntime-common turns halves into a Float16Array, of which
 * Node's interface for native modules does not know.
 *
 * @see onnxruntime-node, `src/tensor_helper.cc`, version 1.30.0: the properties it reads, and the arguments of the constructor.
 */
export class NativeTensor {
  readonly location = "cpu";

  constructor(readonly type: string, readonly data: TensorData, readonly dims: readonly number[]) {}
}

/** Element types that the native module takes and gives. */
const KNOWN: ReadonlySet<string> = new Set<Dtype>([
  "float32",
  "float64",
  "float16",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "bool",
  "string",
]);

/** @throws {LarderError} NOT_SUPPORTED for a type that the native module does not take; BAD_INPUT for a string that it would cut. */
export function toNative(name: string, { dtype, shape, data }: Tensor): NativeTensor {
  checkType(name, dtype);
  if (dtype === "string" && Array.isArray(data) && data.some((text: string) => text.includes("\0"))) {
    throw new LarderError(
      "BAD_INPUT",
      `Cannot pass ${name}: a text has a NUL in it, where the runtime would end it`,
      {
        field: name,
      },
    );
  }
  return new NativeTensor(dtype, data, shape);
}

export function fromNative(name: string, { type, dims, data }: NativeTensor): Tensor {
  checkType(name, type);
  return { dtype: type as Dtype, shape: dims, data };
}

function checkType(name: string, type: string): void {
  if (KNOWN.has(type)) return;
  throw new LarderError(
    "NOT_SUPPORTED",
    `Cannot pass ${name}: the runtime has no way for ${type} from outside`,
    {
      field: name,
    },
  );
}
