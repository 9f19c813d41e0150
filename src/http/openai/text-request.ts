import { z } from "zod";
import type { Models, ModelTarget } from "../../library/index.ts";
import { withoutUndefined } from "../native/without-undefined.ts";
import type { textFields } from "./fields.ts";
import type { Several } from "./one-version.ts";

/** What a model is asked to generate. */
export type Run = Parameters<Models["generate"]>[1];
export type Prompt = Run["prompt"];

/** A chat or a completion, read. */
export interface TextRequest {
  /** As the client wrote it. */
  readonly model: string;
  readonly target: ModelTarget;
  /** One answer for each. */
  readonly prompts: Several<Prompt>;
  readonly run: Omit<Run, "prompt">;
  readonly stream: boolean;
  /** Of a stream: what was used comes as its last piece. */
  readonly includeUsage: boolean;
}

/** The dialect's own; a runtime that is told none always takes the likeliest token. */
const TEMPERATURE_DEFAULT = 1;

type TextFields = z.output<z.ZodObject<typeof textFields>>;

export function textRequest(
  { model, stream = false, stream_options, temperature = TEMPERATURE_DEFAULT, top_p: topP, seed, stop }:
    TextFields,
  prompts: Several<Prompt>,
  maxTokens: number,
): TextRequest {
  const stops = typeof stop === "string" ? [stop] : stop;
  return {
    model: model.text,
    target: model.target,
    prompts,
    run: withoutUndefined({
      maxTokens,
      temperature,
      topP,
      seed,
      stop: stops?.length === 0 ? undefined : stops,
    }),
    stream,
    includeUsage: stream_options?.include_usage ?? false,
  };
}

/** `stream_options` say something only of a stream. */
export function streamOptionsFit({ stream, stream_options }: Pick<TextFields, "stream" | "stream_options">) {
  return stream === true || stream_options === undefined;
}

export const STREAM_OPTIONS = { path: ["stream_options"], message: 'Only together with "stream": true' };
