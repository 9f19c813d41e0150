import type { LlamaContext, LlamaContextSequence, LlamaEmbeddingContext, LlamaModel } from "node-llama-cpp";
import { LarderError } from "../../core/index.ts";
import type { Busy } from "../runner/busy.ts";
import type { Engine } from "../runner/engine.ts";
import type { EmbedResult, EmbedRun, GenerateResult, GenerateRun } from "../types.ts";
import { generate } from "./generate.ts";
import { promptTokens } from "./prompt.ts";

export interface GgufEngineOptions {
  readonly model: LlamaModel;
  readonly busy: Busy;
  readonly onMemory: (bytes: number) => void;
  /** Tokens of prompt and answer together. Contexts are rounded up and may take more. */
  readonly contextLength: number;
  /** Absent when the model embeds only. */
  readonly texts?: LlamaContext;
  readonly embedding?: LlamaEmbeddingContext;
  /** Makes it when it is first needed: it takes as much memory as a context for a text. */
  readonly newEmbedding?: () => Promise<LlamaEmbeddingContext>;
}

export class GgufEngine implements Engine {
  readonly #model: LlamaModel;
  readonly #busy: Busy;
  readonly #onMemory: (bytes: number) => void;
  readonly #contextLength: number;
  readonly #texts: LlamaContext | undefined;
  /** Contexts of one text each that are free, the last used last: what it holds of a conversation need not be read again. */
  readonly #free: LlamaContextSequence[];
  readonly #newEmbedding: () => Promise<LlamaEmbeddingContext>;
  #embedding: Promise<LlamaEmbeddingContext> | undefined;
  #embeddingBytes: number;

  constructor({ model, busy, onMemory, contextLength, texts, embedding, newEmbedding }: GgufEngineOptions) {
    this.#model = model;
    this.#busy = busy;
    this.#onMemory = onMemory;
    this.#contextLength = contextLength;
    this.#texts = texts;
    this.#free = texts ? Array.from({ length: texts.totalSequences }, () => texts.getSequence()) : [];
    this.#embedding = embedding && Promise.resolve(embedding);
    this.#embeddingBytes = embedding ? innerOf(embedding).memoryUsage.ram : 0;
    this.#newEmbedding = newEmbedding ?? (() => Promise.reject(new Error("There is one already")));
  }

  get memoryBytes(): number {
    return this.#model.memoryUsage.ram + (this.#texts?.memoryUsage.ram ?? 0) + this.#embeddingBytes;
  }

  get parallel(): number {
    return Math.max(1, this.#free.length);
  }

  async generate(
    run: GenerateRun,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<GenerateResult> {
    if (this.#texts === undefined) {
      throw new LarderError("NOT_SUPPORTED", "Cannot generate: the model only embeds");
    }
    const tokens = promptTokens(this.#model, run.prompt);
    const contextLength = this.#contextLength;
    if (tokens.length >= contextLength) throw tooLong("prompt", tokens.length, contextLength);
    const sequence = this.#free.pop();
    if (sequence === undefined) throw new Error("More texts at once than there are contexts");
    try {
      return await this.#busy.wait(() => generate({ sequence, tokens, run, contextLength, onText, signal }));
    } finally {
      this.#free.push(sequence);
    }
  }

  async embed({ input }: EmbedRun): Promise<EmbedResult> {
    return await this.#busy.wait(async () => {
      this.#embedding ??= this.#openEmbedding();
      const context = await this.#embedding;
      const count = context.calculateInputLength(input);
      if (count >= this.#contextLength) throw tooLong("input", count, this.#contextLength);
      const { vector } = await context.getEmbeddingFor(input);
      return { embedding: vector, promptTokens: count };
    });
  }

  async try(): Promise<void> {
    if (this.#texts === undefined) return void await this.embed({ kind: "embed", input: "a" });
    await this.generate(
      { kind: "generate", prompt: "a", maxTokens: 1 },
      () => {},
      new AbortController().signal,
    );
  }

  async dispose(): Promise<void> {
    await this.#busy.wait(async () => {
      await (await this.#embedding)?.dispose();
      await this.#texts?.dispose();
      await this.#model.dispose();
    });
  }

  async #openEmbedding(): Promise<LlamaEmbeddingContext> {
    try {
      const context = await this.#newEmbedding();
      this.#embeddingBytes = innerOf(context).memoryUsage.ram;
      this.#onMemory(this.memoryBytes);
      return context;
    } catch (error) {
      this.#embedding = undefined;
      throw error;
    }
  }
}

/** What a context for embeddings stands on; it tells of itself what the other keeps to itself. */
function innerOf(context: LlamaEmbeddingContext): LlamaContext {
  return (context as unknown as { readonly _llamaContext: LlamaContext })._llamaContext;
}

function tooLong(field: string, count: number, contextLength: number): LarderError {
  return new LarderError(
    "BAD_INPUT",
    `Cannot read the ${field}: it has ${count} tokens, and the context takes ${contextLength} with the answer`,
    { field, hint: "Shorten it, or load the model with a larger context_length." },
  );
}
