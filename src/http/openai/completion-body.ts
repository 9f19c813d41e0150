import { z } from "zod";
import { bodyOf, ignored, maxTokens, refused, severalTexts, textFields } from "./fields.ts";
import { STREAM_OPTIONS, streamOptionsFit, type TextRequest, textRequest } from "./text-request.ts";

/** The dialect's own, as its specification gives it for this route. */
const COMPLETION_TOKENS_DEFAULT = 16;
const PROMPTS_MAX = 32;
const PROMPT = `A text, or 1 to ${PROMPTS_MAX} of them; tokens are not taken`;

export const completionBody = bodyOf({
  ...textFields,
  prompt: severalTexts({ min: 0, max: PROMPTS_MAX, allowed: PROMPT }),
  max_tokens: maxTokens.optional(),

  echo: z.literal(false, "Not supported: put the prompt before the answer yourself").optional(),
  best_of: z.literal(1, "Only 1 is supported").optional(),
  logprobs: refused("Not supported: probabilities of tokens are not given"),
  suffix: refused("Not supported: text is only continued, not filled in"),

  ...ignored("user"),
}).refine(streamOptionsFit, STREAM_OPTIONS);

export function completionRequest(body: z.output<typeof completionBody>): TextRequest {
  return textRequest(body, body.prompt, body.max_tokens ?? COMPLETION_TOKENS_DEFAULT);
}
