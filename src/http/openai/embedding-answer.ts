import type { EmbedAnswer } from "../../library/index.ts";

export type EncodingFormat = "float" | "base64";

export function embeddingList(model: string, answers: readonly EmbedAnswer[], format: EncodingFormat) {
  const prompt_tokens = answers.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  return {
    object: "list",
    data: answers.map(({ embedding }, index) => {
      return { object: "embedding", index, embedding: format === "float" ? embedding : base64(embedding) };
    }),
    model,
    usage: { prompt_tokens, total_tokens: prompt_tokens },
  };
}

/** float32, lowest byte first, one after the other. */
function base64(embedding: readonly number[]): string {
  const bytes = Buffer.alloc(embedding.length * Float32Array.BYTES_PER_ELEMENT);
  embedding.forEach((value, at) => bytes.writeFloatLE(value, at * Float32Array.BYTES_PER_ELEMENT));
  return bytes.toString("base64");
}
