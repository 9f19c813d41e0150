import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { Models } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { servedHeaders } from "../infer/served.ts";
import { jsonBody } from "../validate.ts";
import { chatBody, chatRequest } from "./chat-body.ts";
import { completionBody, completionRequest } from "./completion-body.ts";
import { embeddingList } from "./embedding-answer.ts";
import { embeddingBody } from "./embedding-body.ts";
import { named } from "./fields.ts";
import { unlessLeft } from "./generation.ts";
import { modelEntry, modelList } from "./models.ts";
import { askInOrder } from "./one-version.ts";
import { answerText } from "./text-answer.ts";
import { CHAT, COMPLETION } from "./text-forms.ts";

/** Where this dialect lives: errors of these addresses have its form. */
export const OPENAI_PREFIX = "/v1/";

/**
 * Models in memory as clients of the OpenAI API ask for them.
 *
 * @see OpenAI API reference, version 1: models, chat completions, completions, embeddings.
 */
export function openaiRoutes(
  models: Pick<Models, "loadable" | "metadata" | "generate" | "embed">,
  allow: Allow,
): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/v1/models", allow("infer"), async (c) => c.json(modelList(await models.loadable())))
    .get("/v1/models/:id{[^]+}", allow("infer"), zValidator("param", z.object({ id: named })), async (c) => {
      const { text, target } = c.req.valid("param").id;
      return c.json(modelEntry(text, await models.metadata(target)));
    })
    .post("/v1/chat/completions", allow("infer"), jsonBody(chatBody), (c) => {
      return answerText(c, { models, form: CHAT, request: chatRequest(c.req.valid("json")) });
    })
    .post("/v1/completions", allow("infer"), jsonBody(completionBody), (c) => {
      return answerText(c, { models, form: COMPLETION, request: completionRequest(c.req.valid("json")) });
    })
    .post("/v1/embeddings", allow("infer"), jsonBody(embeddingBody), async (c) => {
      const { model, input, encoding_format } = c.req.valid("json");
      const { signal } = c.req.raw;
      const answers = await askInOrder(model.target, input, (target, text) => {
        return unlessLeft(signal, models.embed(target, text, { signal }));
      });
      return c.json(embeddingList(model.text, answers, encoding_format), {
        headers: servedHeaders(answers[0]),
      });
    });
}
