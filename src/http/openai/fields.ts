import { z } from "zod";
import { parseModelRef } from "../../core/index.ts";
import type { ModelTarget } from "../../library/index.ts";
import type { Several } from "./one-version.ts";

export interface NamedModel {
  /** As the client wrote it: answers name it so. */
  readonly text: string;
  readonly target: ModelTarget;
}

const STOPS_MAX = 4;

const TRUE_OR_FALSE = "True or false";
const TOKENS = "A whole number, 1 or more";
const FROM_0_TO_2 = "A number from 0 to 2";
const FROM_0_TO_1 = "A number from 0 to 1";
const STOP = `A text that is not empty, or up to ${STOPS_MAX} of them`;
const UNWEIGHED = "Not supported: tokens cannot be given a weight";
const UNCALLED = "Not supported: models cannot call tools or functions";

/** `acme/tiny`, `acme/tiny@v1:Q4_K_M`. The parser's own error, which knows the code, goes up as it is. */
export const named = z.string("The name of a model").transform((text): NamedModel => {
  return { text, target: parseModelRef(text) };
});

export const maxTokens = z.int(TOKENS).min(1, TOKENS);

const stopText = z.string(STOP).min(1, STOP);

/** What every request for text may hold. */
export const textFields = {
  model: named,
  stream: z.boolean(TRUE_OR_FALSE).optional(),
  stream_options: z.strictObject({
    include_usage: z.boolean(TRUE_OR_FALSE).nullish(),
    // Padding against listeners who count bytes: the text is the same.
    include_obfuscation: z.unknown().optional(),
  }).optional(),
  temperature: z.number(FROM_0_TO_2).min(0, FROM_0_TO_2).max(2, FROM_0_TO_2).optional(),
  top_p: z.number(FROM_0_TO_1).min(0, FROM_0_TO_1).max(1, FROM_0_TO_1).optional(),
  seed: z.int("A whole number").optional(),
  stop: z.union([stopText, z.array(stopText).max(STOPS_MAX, STOP)], STOP).optional(),

  // These would change the answer in a way that no runtime here can: only the value that changes nothing is taken.
  n: z.literal(1, "Only 1 is supported: ask again for another answer").optional(),
  frequency_penalty: z.literal(0, UNWEIGHED).optional(),
  presence_penalty: z.literal(0, UNWEIGHED).optional(),
  logit_bias: z.strictObject({}, UNWEIGHED).optional(),
};

/** One text or a list of them; never none. */
export function severalTexts(
  { min, max, allowed }: { readonly min: number; readonly max: number; readonly allowed: string },
) {
  const text = z.string(allowed).min(min, allowed);
  const one = text.transform((only): Several<string> => [only]);
  const list = z.tuple([text], text, allowed).refine(({ length }) => length <= max, allowed).readonly();
  return z.union([one, list], allowed);
}

export const noCalls = z.array(z.unknown(), UNCALLED).max(0, UNCALLED);
export const noCallChoice = z.enum(["none", "auto"], UNCALLED);

/** Any value but null, which {@link bodyOf} takes away before. */
export function refused(why: string) {
  return z.undefined(why).optional();
}

/** Notes for the client itself or for another service: the answer is the same without them. */
export function ignored<K extends string>(...names: readonly K[]) {
  const fields = names.map((name) => [name, z.unknown().optional()]);
  return Object.fromEntries(fields) as Record<K, z.ZodOptional<z.ZodUnknown>>;
}

/** A body of this dialect, whose clients write null for what they leave out. A field that is not known here is refused by name. */
export function bodyOf<T extends z.ZodRawShape>(shape: T) {
  return z.preprocess(withoutNulls, z.strictObject(shape));
}

function withoutNulls(body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}
