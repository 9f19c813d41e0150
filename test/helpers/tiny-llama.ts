export interface TinyLlamaOptions {
  /** What the header claims; 0 fails an assertion inside llama.cpp and kills the process that loads the file. Default 4. */
  readonly headCount?: number;
  /** Width of the model, a multiple of 32. More makes it slower and larger. Default 64. */
  readonly width?: number;
  readonly layers?: number;
  readonly contextLength?: number;
  /** Jinja; null leaves it out. */
  readonly chatTemplate?: string | null;
  /** A tensor that the architecture needs and the file then lacks. */
  readonly without?: string;
  readonly seed?: number;
}

export const TINY_TEMPLATE =
  "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}\n{% endfor %}" +
  "{% if add_generation_prompt %}[assistant] {% endif %}";

const HEADS = 4;
const ALIGNMENT = 32;
const WEIGHT_SPREAD = 0.05;
/** Of metadata values. */
const UINT32 = 4;
const INT32 = 5;
const FLOAT32 = 6;
const STRING = 8;
const ARRAY = 9;
/** Kinds of tokens as llama.cpp numbers them. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const BYTE = 6;

/**
 * A small llama with random weights and a whole vocabulary (three control tokens, every byte, letters with and without a space
 * before them), so that it loads, tokenizes any text and generates. What it generates is the same for the same seed.
 *
 * @see ggml, `docs/gguf.md`: version 3, little-endian, tensor data at multiples of 32. Names of keys and tensors: llama.cpp, `gguf-py`.
 */
export function tinyLlama(options: TinyLlamaOptions = {}): Uint8Array<ArrayBuffer> {
  const tensors = tensorsOf(options).filter(({ name }) => name !== options.without);
  const metadata = metadataOf(options);
  const parts = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.length), ...metadata];
  let offset = 0;
  for (const { name, shape } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset));
    offset += 4 * elements(shape);
  }
  const head = Buffer.concat(parts);
  const start = Math.ceil(head.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(start + offset);
  bytes.set(head);
  fill(new Float32Array(bytes.buffer, start), tensors, options.seed ?? 1);
  return bytes;
}

interface TensorInfo {
  readonly name: string;
  /** Fastest dimension first; all sizes are multiples of 8, so that every tensor begins aligned. */
  readonly shape: readonly number[];
}

function tensorsOf({ width = 64, layers = 2 }: TinyLlamaOptions): TensorInfo[] {
  const vocabulary = TOKENS.length;
  const hidden = 2 * width;
  const block = (i: number): TensorInfo[] =>
    Object.entries({
      attn_norm: [width],
      attn_q: [width, width],
      attn_k: [width, width],
      attn_v: [width, width],
      attn_output: [width, width],
      ffn_norm: [width],
      ffn_gate: [width, hidden],
      ffn_up: [width, hidden],
      ffn_down: [hidden, width],
    }).map(([name, shape]) => ({ name: `blk.${i}.${name}.weight`, shape }));
  return [
    { name: "token_embd.weight", shape: [width, vocabulary] },
    { name: "output_norm.weight", shape: [width] },
    { name: "output.weight", shape: [width, vocabulary] },
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
  ];
}

/** Norms are 1; everything else is spread evenly around 0. */
function fill(values: Float32Array, tensors: readonly TensorInfo[], seed: number): void {
  let state = (seed * 2654435761) >>> 0 || 1;
  let at = 0;
  for (const { shape } of tensors) {
    const end = at + elements(shape);
    if (shape.length === 1) values.fill(1, at, end);
    for (; at < end && shape.length > 1; at++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      values[at] = ((state >>> 0) / 2 ** 31 - 1) * WEIGHT_SPREAD;
    }
    at = end;
  }
}

interface Token {
  readonly text: string;
  readonly kind: number;
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];
const TOKENS: readonly Token[] = [
  { text: "<unk>", kind: UNKNOWN },
  { text: "<s>", kind: CONTROL },
  { text: "</s>", kind: CONTROL },
  ...Array.from({ length: 256 }, (_, i) => ({
    text: `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`,
    kind: BYTE,
  })),
  ...["▁", ...LETTERS, ...LETTERS.map((letter) => `▁${letter}`)].map((text) => ({ text, kind: NORMAL })),
];
const FIRST_NORMAL = TOKENS.findIndex((token) => token.kind === NORMAL);

function metadataOf(options: TinyLlamaOptions): Uint8Array[] {
  const { headCount = HEADS, width = 64, layers = 2, contextLength = 512, chatTemplate = TINY_TEMPLATE } =
    options;
  const scores = TOKENS.map((_, i) => Math.min(0, FIRST_NORMAL - i));
  return [
    pair("general.architecture", STRING, text("llama")),
    pair("general.name", STRING, text("tiny")),
    pair("llama.context_length", UINT32, u32(contextLength)),
    pair("llama.embedding_length", UINT32, u32(width)),
    pair("llama.block_count", UINT32, u32(layers)),
    pair("llama.feed_forward_length", UINT32, u32(2 * width)),
    pair("llama.attention.head_count", UINT32, u32(headCount)),
    pair("llama.attention.head_count_kv", UINT32, u32(headCount)),
    pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, f32(1e-5)),
    pair("llama.rope.dimension_count", UINT32, u32(width / HEADS)),
    pair("tokenizer.ggml.model", STRING, text("llama")),
    pair("tokenizer.ggml.tokens", ARRAY, ...array(STRING, TOKENS.map((token) => text(token.text)))),
    pair("tokenizer.ggml.scores", ARRAY, ...array(FLOAT32, scores.map(f32))),
    pair("tokenizer.ggml.token_type", ARRAY, ...array(INT32, TOKENS.map((token) => u32(token.kind)))),
    pair("tokenizer.ggml.bos_token_id", UINT32, u32(1)),
    pair("tokenizer.ggml.eos_token_id", UINT32, u32(2)),
    ...(chatTemplate === null ? [] : [pair("tokenizer.chat_template", STRING, text(chatTemplate))]),
  ];
}

function pair(key: string, type: number, ...value: Uint8Array[]): Uint8Array {
  return Buffer.concat([text(key), u32(type), ...value]);
}

function array(type: number, values: readonly Uint8Array[]): Uint8Array[] {
  return [u32(type), u64(values.length), ...values];
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
