import { availableParallelism } from "node:os";
import { z } from "zod";
import { LarderError } from "../core/index.ts";
import type { EngineName } from "./runner/messages.ts";
import type { RuntimeName } from "./types.ts";

const threads = z.int().min(1).max(1024);

/** Of `onnx`; keys as a user writes them. What is absent is the runtime's own default. */
const onnxSchema = z.strictObject({
  /** Of one operator. */
  threads: threads.optional(),
  graph_optimization: z.enum(["disabled", "basic", "extended", "layout", "all"]).optional(),
  /** Keeps memory between runs: faster, and more of it. */
  memory_arena: z.boolean().optional(),
  memory_pattern: z.boolean().optional(),
  /** Lets idle threads wait busily: faster for models of many operators, at the cost of everything else. */
  spin: z.boolean().default(false),
  /**
   * Rows that requests which wait may be joined to, to run as one. Only for models whose rows have nothing to do with each other, which
   * nobody but their owner knows: so by default none are joined.
   */
  max_batch: z.int().min(1).max(4096).default(1),
  /** How long a request waits for others to be joined with, when fewer rows than `max_batch` are there. 0 joins what waits anyway. */
  max_delay_ms: z.number().min(0).max(1000).default(0),
});

/** Of `gguf`. */
const ggufSchema = z.strictObject({
  /** One core is left for everything else. */
  threads: threads.default(Math.max(1, availableParallelism() - 1)),
  /** Tokens of prompt and answer together. Default what the model was trained with, at most 4096. */
  context_length: z.int().min(8).max(2 ** 24).optional(),
  batch_size: z.int().min(8).max(2 ** 16).optional(),
  /** Texts that are generated at once; each takes a context of its own. */
  parallel: z.int().min(1).max(64).default(1),
  /** Leaves the weights in the file, where the system may drop and read them again. */
  mmap: z.boolean().default(true),
  /** Only the processor is built in: anything but 0 is refused. */
  gpu_layers: z.int().min(0).max(1024).default(0),
});

export type OnnxOptions = z.output<typeof onnxSchema>;
export type GgufOptions = z.output<typeof ggufSchema>;

/** What each runtime takes; `mapped` runs nothing. */
export const OPTION_NAMES: Readonly<Record<RuntimeName, readonly string[]>> = {
  onnx: Object.keys(onnxSchema.shape),
  gguf: Object.keys(ggufSchema.shape),
  mapped: [],
};

/** Of one engine, with its defaults. @throws {LarderError} BAD_INPUT, NOT_SUPPORTED; its `field` is the option's name. */
export function parseOptions(engine: EngineName, options: unknown): OnnxOptions | GgufOptions {
  return engine === "onnx" ? parse(onnxSchema, options) : parseGgufOptions(options);
}

function parseGgufOptions(options: unknown): GgufOptions {
  const parsed = parse(ggufSchema, options);
  if (parsed.gpu_layers === 0) return parsed;
  throw new LarderError(
    "NOT_SUPPORTED",
    `Cannot put ${parsed.gpu_layers} layers on a GPU: only the processor is built in`,
    { field: "gpu_layers", hint: "Give 0, or leave gpu_layers out." },
  );
}

/** @throws {LarderError} As {@link parseOptions}. */
export function checkOptions(engine: EngineName, options: unknown): void {
  parseOptions(engine, options);
}

function parse<T>(schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.code === "unrecognized_keys" ? issue.keys[0] : issue?.path[0];
  throw new LarderError("BAD_INPUT", `Cannot load with these options: ${String(field)}: ${issue?.message}`, {
    field: String(field),
  });
}
