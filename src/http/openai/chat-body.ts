import { z } from "zod";
import type { ChatMessage } from "../../library/index.ts";
import { bodyOf, ignored, maxTokens, noCallChoice, noCalls, refused, textFields } from "./fields.ts";
import { STREAM_OPTIONS, streamOptionsFit, type TextRequest, textRequest } from "./text-request.ts";

/** As far as the model's context goes; a number that native code can count to. */
const CHAT_TOKENS_DEFAULT = 2 ** 31 - 1;

const MESSAGES = "A list of messages, at least one";
const ROLE = "Only system, developer, user and assistant are supported";
const CONTENT = 'A text, or a list of parts with the type "text"';
const TEXT_ONLY = "Not supported: models here read and write text only";
const NO_LOGPROBS = "Not supported: probabilities of tokens are not given";

const textPart = z.strictObject({ type: z.literal("text"), text: z.string() });
const content = z.union([z.string(), z.array(textPart).min(1, CONTENT)], CONTENT);

/** Answers of this server can be sent back as they came: what is empty in them is taken. */
const message = bodyOf({
  role: z.enum(["system", "developer", "user", "assistant"], ROLE),
  content,
  name: refused("Not supported: the templates of models know roles, not names"),
  refusal: refused("Not supported"),
  audio: refused(TEXT_ONLY),
  tool_calls: noCalls.optional(),
  function_call: refused("Not supported: models cannot call tools or functions"),
  annotations: z.array(z.unknown()).max(0, "Not supported").optional(),
});

export const chatBody = bodyOf({
  ...textFields,
  messages: z.array(message, MESSAGES).min(1, MESSAGES),
  max_tokens: maxTokens.optional(),
  max_completion_tokens: maxTokens.optional(),

  tools: noCalls.optional(),
  tool_choice: noCallChoice.optional(),
  functions: noCalls.optional(),
  function_call: noCallChoice.optional(),
  response_format: z.object({ type: z.literal("text", 'Only "text" is supported') }).optional(),
  modalities: z.array(z.literal("text", TEXT_ONLY), TEXT_ONLY).optional(),
  audio: refused(TEXT_ONLY),
  logprobs: z.literal(false, NO_LOGPROBS).optional(),
  top_logprobs: z.literal(0, NO_LOGPROBS).optional(),
  reasoning_effort: refused("Not supported: say it in a message"),
  verbosity: refused("Not supported: say it in a message"),
  web_search_options: refused("Not supported: nothing is searched"),
  moderation: refused("Not supported: nothing is moderated"),
  store: z.literal(false, "Not supported: no answer is kept").optional(),

  ...ignored("user", "metadata", "safety_identifier", "service_tier", "parallel_tool_calls", "prediction"),
  ...ignored("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
})
  .refine(streamOptionsFit, STREAM_OPTIONS)
  .refine(({ max_tokens: old, max_completion_tokens: limit }) => (old ?? limit) === (limit ?? old), {
    path: ["max_tokens"],
    message: "The same as max_completion_tokens, or left out",
  });

export function chatRequest(body: z.output<typeof chatBody>): TextRequest {
  const limit = body.max_completion_tokens ?? body.max_tokens ?? CHAT_TOKENS_DEFAULT;
  return textRequest(body, [body.messages.map(chatMessage)], limit);
}

function chatMessage({ role, content }: z.output<typeof message>): ChatMessage {
  return {
    // What the dialect calls a system message since its models reason.
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join("\n"),
  };
}
