import type { Context } from "hono";
import { isLarderError, logger } from "../../core/index.ts";
import type { Models } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import { servedHeaders } from "../infer/served.ts";
import { eventStream } from "./event-stream.ts";
import { type FinishedAnswer, type Generation, startGeneration, whole } from "./generation.ts";
import { askInOrder, exactly } from "./one-version.ts";
import { errorBody } from "./refusal.ts";
import { type TextForm, usageOf } from "./text-forms.ts";
import type { TextRequest } from "./text-request.ts";

/** Ends a stream that is whole: one that lacks it is not. */
const DONE = "[DONE]";

interface TextWork {
  readonly models: Pick<Models, "generate">;
  readonly form: TextForm;
  readonly request: TextRequest;
}

/** Answers with generated text, whole or as it comes. */
export function answerText(c: Context<HttpEnv>, work: TextWork): Promise<Response> {
  return work.request.stream ? answerStream(c, work) : answerWhole(c, work);
}

async function answerWhole(c: Context<HttpEnv>, { models, form, request }: TextWork): Promise<Response> {
  const { signal } = c.req.raw;
  const answers = await askInOrder(request.target, request.prompts, (target, prompt) => {
    return whole({ models, target, run: { ...request.run, prompt }, signal });
  });
  const [first] = answers;
  return c.json({
    ...headOf(c, form.idPrefix, form.object, request.model, first.version),
    choices: answers.map(({ text, finishReason }, index) => form.choice(index, text, finishReason)),
    usage: usageOf(answers),
  }, { headers: servedHeaders(first) });
}

/** Begins when a model has taken the first prompt: until then whatever fails is an answer with its status. */
async function answerStream(c: Context<HttpEnv>, { models, form, request }: TextWork): Promise<Response> {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, c.req.raw.signal]);
  const [prompt, ...others] = request.prompts;
  const first = startGeneration({ models, target: request.target, run: { ...request.run, prompt }, signal });
  const by = await first.served;
  function* generations(): Generator<Generation> {
    yield first;
    for (const prompt of others) {
      yield startGeneration({ models, target: exactly(by), run: { ...request.run, prompt }, signal });
    }
  }
  const head = headOf(c, form.idPrefix, form.chunkObject, request.model, by.version);
  const chunks = chunksOf(generations(), form, request.includeUsage);
  const events = eventsOf(chunks, head, c.env.exchange.id);
  return new Response(eventStream({ events, onLeft: () => left.abort() }), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", ...servedHeaders(by) },
  });
}

function headOf(c: Context<HttpEnv>, idPrefix: string, object: string, model: string, version: string) {
  const created = Math.floor(Date.now() / 1000);
  return { id: idPrefix + c.env.exchange.id, object, created, model, system_fingerprint: version };
}

/** What every chunk has of its own, beside the head that all share. */
async function* chunksOf(
  generations: Iterable<Generation>,
  form: TextForm,
  includeUsage: boolean,
): AsyncGenerator<object> {
  // Clients that asked for it look for the field in every chunk.
  const unused = includeUsage ? { usage: null } : {};
  const answers: FinishedAnswer[] = [];
  for (const { pieces, answer } of generations) {
    const index = answers.length;
    const opening = form.opening(index);
    if (opening !== undefined) yield { choices: [opening], ...unused };
    for await (const text of pieces.read()) yield { choices: [form.piece(index, text)], ...unused };
    const finished = await answer;
    yield { choices: [form.closing(index, finished.finishReason)], ...unused };
    answers.push(finished);
  }
  if (includeUsage) yield { choices: [], usage: usageOf(answers) };
}

async function* eventsOf(
  chunks: AsyncIterable<object>,
  head: object,
  requestId: string,
): AsyncGenerator<string> {
  try {
    for await (const chunk of chunks) yield JSON.stringify({ ...head, ...chunk });
    yield DONE;
  } catch (error) {
    if (!isLarderError(error)) {
      logger("http").error("Streaming a text failed: {error}", { request_id: requestId, error });
    }
    yield JSON.stringify(errorBody(error));
  }
}
