import { z } from "zod";
import { BATCH_MAX, DELAY_MS_MAX, PRIORITY_MAX, STRATEGIES } from "../../preload/index.ts";
import { name } from "./predict-body.ts";

const MODELS_MAX = 1_000;
const MODELS = `1 to ${MODELS_MAX} models`;
const PRIORITY = `a whole number from ${-PRIORITY_MAX} to ${PRIORITY_MAX}`;
const BATCH = `a whole number from 1 to ${BATCH_MAX}`;
const DELAY = `whole milliseconds from 0 to ${DELAY_MS_MAX}`;

const oneModel = z.strictObject({
  model: name,
  version: name.optional(),
  variant: name.optional(),
  priority: z.int(PRIORITY).min(-PRIORITY_MAX, PRIORITY).max(PRIORITY_MAX, PRIORITY).optional(),
});

/** One model, or several under `models`. */
export const preloadBody = oneModel.partial().extend({
  models: z.array(oneModel, MODELS).min(1, MODELS).max(MODELS_MAX, MODELS).optional(),
}).refine(({ models, ...one }) => (models === undefined) !== (one.model === undefined), {
  error: "a model, or several under models",
  path: ["model"],
}).refine(({ models, ...one }) => models === undefined || Object.keys(one).length === 0, {
  error: "what is said of models stands beside each of them",
  path: ["models"],
});

export const preloadQuery = z.strictObject({
  model: name.optional(),
  version: name.optional(),
  variant: name.optional(),
});

export const preloadConfigBody = z.strictObject({
  enabled: z.boolean("true or false").optional(),
  strategy: z.enum(STRATEGIES, `one of ${STRATEGIES.join(", ")}`).optional(),
  batch_size: z.int(BATCH).min(1, BATCH).max(BATCH_MAX, BATCH).optional(),
  delay_ms: z.int(DELAY).min(0, DELAY).max(DELAY_MS_MAX, DELAY).optional(),
});
