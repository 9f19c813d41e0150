import { z } from "zod";
import { LarderError } from "../../core/index.ts";
import type { BatchPredictRequest, CallOptions, ModelTarget, PredictRequest } from "../../library/index.ts";
import { modelTarget } from "../infer/target.ts";

const NAME_MAX = 600;
const OUTPUTS_MAX = 1000;
const BATCH_MAX = 1024;
const DEADLINE_MS_MAX = 600_000;

const ROWS = "rows such as [[5.1, 3.5, 1.4, 0.2]]";
export const INPUTS = `${ROWS}, or inputs by name, each an array or {shape, data}`;
const BATCH = `1 to ${BATCH_MAX} requests`;
const DEADLINE = `whole milliseconds, at most ${DEADLINE_MS_MAX}`;

export const name = z.string("a string").max(NAME_MAX, `at most ${NAME_MAX} characters`);
export const deadlineMs = z.int(DEADLINE).nonnegative(DEADLINE).max(DEADLINE_MS_MAX, DEADLINE);

/** Whether its values are those that the model takes is checked where they become a tensor: here nobody walks through them. */
const anyArray = z.custom<readonly unknown[]>(Array.isArray, ROWS);

const tensor = z.strictObject({
  dtype: z.enum([
    ...["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64"] as const,
    ...["uint8", "uint16", "uint32", "uint64", "bool", "string"] as const,
  ]).exactOptional(),
  shape: z.array(z.int().nonnegative()),
  data: anyArray,
});

export const inputs = z.union([anyArray, z.record(z.string(), z.union([anyArray, tensor]))], INPUTS);

/** Services of this kind are often asked by `model_type` and `features`: both names will do. */
const target = {
  model: name.optional(),
  model_type: name.optional(),
  version: name.optional(),
  variant: name.optional(),
  deadline_ms: deadlineMs.optional(),
};

const run = {
  inputs: inputs.optional(),
  features: inputs.optional(),
  outputs: z.array(name).max(OUTPUTS_MAX, `at most ${OUTPUTS_MAX} names`).optional(),
};

const batchItem = z.strictObject(run);
const batchInputs = z.array(inputs, BATCH).min(1, BATCH).max(BATCH_MAX, BATCH);

export const predictBody = z.strictObject({ ...target, ...run });

/** One request per entry of `requests`, or of `inputs` where nothing but inputs is given. */
export const batchPredictBody = z.strictObject({
  ...target,
  requests: z.array(batchItem, BATCH).min(1, BATCH).max(BATCH_MAX, BATCH).optional(),
  inputs: batchInputs.optional(),
  features: batchInputs.optional(),
});

/** @throws {LarderError} BAD_BODY, BAD_NAME, BAD_REFERENCE */
export function predictRequest(body: z.output<typeof predictBody>): PredictRequest {
  return { ...targetOf(body), ...runOf(body) };
}

/** @throws {LarderError} BAD_BODY, BAD_NAME, BAD_REFERENCE */
export function batchPredictRequest(body: z.output<typeof batchPredictBody>): BatchPredictRequest {
  const { requests, inputs, features } = body;
  const plain = eitherOf("inputs", inputs, "features", features);
  const given = eitherOf("requests", requests?.map(runOf), "inputs", plain?.map((one) => ({ inputs: one })));
  return { ...targetOf(body), requests: given ?? missing("requests") };
}

export function callOptions(deadline: number | undefined, signal: AbortSignal): CallOptions {
  return deadline === undefined ? { signal } : { signal, deadlineMs: deadline };
}

interface GivenTarget {
  readonly model?: string | undefined;
  readonly model_type?: string | undefined;
  readonly version?: string | undefined;
  readonly variant?: string | undefined;
}

function targetOf({ model, model_type, ...beside }: GivenTarget): ModelTarget {
  return modelTarget(eitherOf("model", model, "model_type", model_type) ?? missing("model"), beside);
}

type Run = Pick<PredictRequest, "inputs" | "outputs">;

function runOf({ inputs, features, outputs }: z.output<typeof batchItem>): Run {
  const given = eitherOf("inputs", inputs, "features", features) ?? missing("inputs");
  return outputs === undefined ? { inputs: given } : { inputs: given, outputs };
}

function eitherOf<T>(
  name: string,
  value: T | undefined,
  other: string,
  second: T | undefined,
): T | undefined {
  if (value === undefined || second === undefined) return value ?? second;
  throw new LarderError("BAD_BODY", `Cannot use ${name} and ${other} together: they mean the same`, {
    field: other,
  });
}

function missing(field: string): never {
  throw new LarderError("BAD_BODY", `Cannot do without ${field} in the body`, { field });
}
