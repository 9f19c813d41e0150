import { z } from "zod";
import { INPUTS, inputs, name } from "./predict-body.ts";

const OPTIONS_MAX = 100;
const OPTIONS = "an object of options, each a string, a number, true, false, or null to take it back";
const LOGICAL = "true or false";

/** Which of them there are depends on the model's runtime: the library checks that. */
export const optionsBody = z.strictObject({
  options: z.record(name, z.union([z.string(), z.number(), z.boolean(), z.null()], OPTIONS), OPTIONS).refine(
    (given) => Object.keys(given).length <= OPTIONS_MAX,
    `at most ${OPTIONS_MAX} options`,
  ),
  apply: z.boolean(LOGICAL).optional(),
});

export const optionsQuery = z.strictObject({ variant: name.optional() });
export const removeOptionsQuery = optionsQuery.extend({
  apply: z.enum(["true", "false"], LOGICAL).transform((word) => word === "true").optional(),
});

const RUNS = "a whole number from 3 to 1000";
const SECONDS = "seconds from 1 to 3600";
const PROMPT_MAX = 100_000;

export const tuneBody = z.strictObject({
  variant: name.optional(),
  probe: z.union([z.string().max(PROMPT_MAX), inputs], `a prompt, or ${INPUTS}`).optional(),
  runs: z.int(RUNS).min(3, RUNS).max(1000, RUNS).optional(),
  seconds_max: z.number(SECONDS).min(1, SECONDS).max(3600, SECONDS).optional(),
  keep: z.boolean(LOGICAL).optional(),
});
