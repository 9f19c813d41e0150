import { Template } from "@huggingface/jinja";
import { type LlamaModel, LlamaText, SpecialTokensText, type Token } from "node-llama-cpp";
import { LarderError } from "../../core/index.ts";
import type { ChatMessage } from "../types.ts";

/**
 * The tokens of a prompt, with the one that begins a text where the model wants it. A prompt may name special tokens; a message
 * may not.
 */
export function promptTokens(model: LlamaModel, prompt: string | readonly ChatMessage[]): Token[] {
  const text = typeof prompt === "string"
    ? LlamaText(new SpecialTokensText(prompt))
    : conversation(model, prompt);
  const tokens = text.tokenize(model.tokenizer);
  const { bos, shouldPrependBosToken } = model.tokens;
  const lacksBegin = bos !== null && (shouldPrependBosToken || tokens.length === 0) && tokens[0] !== bos;
  const whole = lacksBegin ? [bos, ...tokens] : tokens;
  if (whole.length === 0) {
    throw new LarderError("BAD_INPUT", "Cannot generate: the prompt is empty", { field: "prompt" });
  }
  return whole;
}

/** @throws {LarderError} NOT_SUPPORTED without a template; BAD_INPUT when the template refuses the messages. */
function conversation(model: LlamaModel, messages: readonly ChatMessage[]): LlamaText {
  const template = model.fileInfo.metadata.tokenizer?.chat_template;
  if (template === undefined) {
    throw new LarderError(
      "NOT_SUPPORTED",
      "Cannot make a prompt of messages: the model has no chat template",
      {
        field: "messages",
        hint: "Send a prompt as it is.",
      },
    );
  }
  const renderer = new Template(template);
  const special = { bos_token: model.tokens.bosString ?? "", eos_token: model.tokens.eosString ?? "" };
  const namesSpecial = (content: string) =>
    !isSame(model.tokenize(content, true), model.tokenize(content, false));
  return textOf({
    render: (contents) => render(renderer, special, messages, contents),
    contents: messages.map(({ content }) => content),
    namesSpecial,
  });
}

function render(
  template: Template,
  special: Readonly<Record<string, string>>,
  messages: readonly ChatMessage[],
  contents: readonly string[],
): string {
  const named = messages.map(({ role }, i) => ({ role, content: contents[i] ?? "" }));
  try {
    return template.render({ messages: named, add_generation_prompt: true, ...special });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LarderError("BAD_INPUT", `Cannot make a prompt of the messages: ${reason}`, {
      field: "messages",
      cause: error,
    });
  }
}

export interface TextOptions {
  /** What the template makes of these contents. */
  readonly render: (contents: readonly string[]) => string;
  readonly contents: readonly string[];
  /** Whether a text would become a special token, such as the one that ends a message. */
  readonly namesSpecial: (content: string) => boolean;
}

/**
 * What the template makes of the contents, as one text, the way the model was trained. Where a content names special tokens it is
 * kept apart, so that nobody forges the end of a message: marks in its place show where it stands. A template that
 * changes contents other than by cutting space around them does not let us tell; then all of it is the template's.
 */
export function textOf({ render, contents, namesSpecial }: TextOptions): LlamaText {
  const whole = render(contents);
  if (!contents.some(namesSpecial)) return LlamaText(new SpecialTokensText(whole));
  const marks = contents.map(() => crypto.randomUUID());
  const parts = splitAt(render(marks), marks);
  for (const kept of [contents, contents.map((content) => content.trim())]) {
    const values = parts.map(({ text, index }) =>
      index === undefined ? new SpecialTokensText(text) : kept[index] ?? ""
    );
    if (values.join("") === whole) return LlamaText(values);
  }
  return LlamaText(new SpecialTokensText(whole));
}

interface Part {
  readonly text: string;
  /** Of the content that stands here. */
  readonly index?: number;
}

function splitAt(text: string, marks: readonly string[]): Part[] {
  const pattern = new RegExp(`(${marks.join("|")})`);
  return text.split(pattern).filter((part) => part !== "").map((part) => {
    const index = marks.indexOf(part);
    return index < 0 ? { text: part } : { text: part, index };
  });
}

function isSame(a: readonly Token[], b: readonly Token[]): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
