import { resolve } from "node:path";

/** A tensor as JSON has it; whole numbers of 64 bits are plain numbers. */
export interface PlainTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface OnnxQuestion {
  readonly model: string;
  readonly feeds: Readonly<Record<string, PlainTensor>>;
  readonly outputs: readonly string[];
}

export interface GgufQuestion {
  readonly model: string;
  readonly text: string;
  /** Of the completion, which takes the likeliest token each time. */
  readonly tokens: number;
}

export interface GgufReference {
  readonly embedding: readonly number[];
  readonly completion: string;
}

/** What onnxruntime-node's public API says, used in a process without any code of this project. */
export function onnxReference(question: OnnxQuestion): Promise<Readonly<Record<string, PlainTensor>>> {
  return ask("onnx", question);
}

/** What node-llama-cpp's public API says, used in a process without any code of this project. */
export function ggufReference(question: GgufQuestion): Promise<GgufReference> {
  return ask("gguf", question);
}

async function ask<T>(runtime: string, question: unknown): Promise<T> {
  const script = resolve(import.meta.dir, "reference-process.ts");
  const child = Bun.spawn([process.execPath, script, runtime, JSON.stringify(question)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, log] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if (await child.exited !== 0) throw new Error(`The reference failed: ${log}`);
  return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "");
}

/** The largest distance of two rows of numbers. */
export function distance(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Infinity;
  return Math.max(...actual.map((value, index) => Math.abs(value - (expected[index] ?? NaN))));
}
