import type { StructuredValue, Tensor } from "../types.ts";

type Values = Readonly<Record<string, Tensor | StructuredValue>>;

/** The buffers that these tensors fill alone, each once: they may move to another thread. */
export function buffersOf(tensors: Values): ArrayBuffer[] {
  const buffers = Object.values(tensors).flatMap((tensor) => {
    if (!("data" in tensor) || !ArrayBuffer.isView(tensor.data)) return [];
    const { buffer, byteLength } = tensor.data;
    return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0
      ? [buffer]
      : [];
  });
  return [...new Set(buffers)];
}

/** The same of several sets of tensors, each buffer once. */
export function buffersOfAll(sets: readonly Values[]): ArrayBuffer[] {
  return [...new Set(sets.flatMap(buffersOf))];
}

/**
 * The same tensors, but every view of a larger buffer is a copy of its own part: sending a view would send all of its buffer.
 */
export function compacted(tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const { data } = tensor;
      const isPart = ArrayBuffer.isView(data) && data.byteLength !== data.buffer.byteLength;
      return [name, isPart ? { ...tensor, data: data.slice() } : tensor];
    }),
  );
}
