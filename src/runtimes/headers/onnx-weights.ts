import type { OnnxTensor } from "./onnx-tensor.ts";

const FLOAT16 = "fp16";
const FLOATS: ReadonlySet<string> = new Set(["fp32", FLOAT16, "fp64", "bf16"]);

/** Adds up what the tensors of a model tell of its weights. */
export class OnnxWeights {
  readonly #bytes = new Map<string, number>();
  #elements = 0;
  #packedBits: number | null = null;

  /** Types that weights are not of (indices, shapes, flags, texts) are left out. */
  add({ type, elements, sizeBytes }: OnnxTensor): void {
    if (type.quantization === null) return;
    this.#elements += elements;
    this.#bytes.set(type.quantization, (this.#bytes.get(type.quantization) ?? 0) + sizeBytes);
  }

  /** An operator has its weights packed, so many bits each, into tensors of another type. */
  addPacked(bits: number): void {
    this.#packedBits = Math.min(bits, this.#packedBits ?? bits);
  }

  get parameters(): number | null {
    return this.#packedBits !== null || this.#elements === 0 ? null : this.#elements;
  }

  /** In the spelling of file names: what most bytes of weights are, and for packed ones `q4`, or `q4f16` beside 16-bit floats. */
  get quantization(): string | null {
    const byBytes = [...this.#bytes].sort(([, a], [, b]) => b - a).map(([name]) => name);
    if (this.#packedBits === null) return byBytes[0] ?? null;
    const float = byBytes.find((name) => FLOATS.has(name));
    return `q${this.#packedBits}${float === FLOAT16 ? "f16" : ""}`;
  }
}
