/** A type of tensor: so many elements are stored together in so many bytes. */
export interface GgmlType {
  readonly name: string;
  readonly blockElements: number;
  readonly blockBytes: number;
}

type Row = readonly [name: string, blockElements: number, blockBytes: number];

/** By number. Holes are types that ggml has removed. @see llama.cpp v0.5.0: `enum ggml_type`, and the block sizes in `gguf-py`. */
const ROWS: readonly (Row | undefined)[] = [
  ["F32", 1, 4],
  ["F16", 1, 2],
  ["Q4_0", 32, 18],
  ["Q4_1", 32, 20],
  undefined,
  undefined,
  ["Q5_0", 32, 22],
  ["Q5_1", 32, 24],
  ["Q8_0", 32, 34],
  ["Q8_1", 32, 36],
  ["Q2_K", 256, 84],
  ["Q3_K", 256, 110],
  ["Q4_K", 256, 144],
  ["Q5_K", 256, 176],
  ["Q6_K", 256, 210],
  ["Q8_K", 256, 292],
  ["IQ2_XXS", 256, 66],
  ["IQ2_XS", 256, 74],
  ["IQ3_XXS", 256, 98],
  ["IQ1_S", 256, 50],
  ["IQ4_NL", 32, 18],
  ["IQ3_S", 256, 110],
  ["IQ2_S", 256, 82],
  ["IQ4_XS", 256, 136],
  ["I8", 1, 1],
  ["I16", 1, 2],
  ["I32", 1, 4],
  ["I64", 1, 8],
  ["F64", 1, 8],
  ["IQ1_M", 256, 56],
  ["BF16", 1, 2],
  undefined,
  undefined,
  undefined,
  ["TQ1_0", 256, 54],
  ["TQ2_0", 256, 66],
  undefined,
  undefined,
  undefined,
  ["MXFP4", 32, 17],
  ["NVFP4", 64, 36],
  ["Q1_0", 128, 18],
  ["Q2_0", 64, 18],
];

const TYPES = ROWS.map((row) => row && { name: row[0], blockElements: row[1], blockBytes: row[2] });

export function findGgmlType(id: number): GgmlType | undefined {
  return TYPES[id];
}

/** By number of `general.file_type`, in the spelling of file names. @see llama.cpp v0.5.0: `enum llama_ftype`. */
const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [7, "Q8_0"],
  [8, "Q5_0"],
  [9, "Q5_1"],
  [10, "Q2_K"],
  [11, "Q3_K_S"],
  [12, "Q3_K_M"],
  [13, "Q3_K_L"],
  [14, "Q4_K_S"],
  [15, "Q4_K_M"],
  [16, "Q5_K_S"],
  [17, "Q5_K_M"],
  [18, "Q6_K"],
  [19, "IQ2_XXS"],
  [20, "IQ2_XS"],
  [21, "Q2_K_S"],
  [22, "IQ3_XS"],
  [23, "IQ3_XXS"],
  [24, "IQ1_S"],
  [25, "IQ4_NL"],
  [26, "IQ3_S"],
  [27, "IQ3_M"],
  [28, "IQ2_S"],
  [29, "IQ2_M"],
  [30, "IQ4_XS"],
  [31, "IQ1_M"],
  [32, "BF16"],
  [36, "TQ1_0"],
  [37, "TQ2_0"],
  [38, "MXFP4_MOE"],
  [39, "NVFP4"],
  [40, "Q1_0"],
  [41, "Q2_0"],
]);

/** What `general.file_type` says of the whole file; undefined for numbers without a name, and for those marked as guessed (1024). */
export function fileTypeName(fileType: number | null): string | undefined {
  return fileType === null ? undefined : FILE_TYPES.get(fileType);
}

/** Of metadata values. */
export const GGUF_UINT16 = 2;
export const GGUF_UINT32 = 4;
export const GGUF_INT32 = 5;
export const GGUF_BOOL = 7;
export const GGUF_STRING = 8;
export const GGUF_ARRAY = 9;
export const GGUF_UINT64 = 10;

/** By type: uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64. */
const VALUE_BYTES: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

/** Undefined for strings, arrays and what is no type. */
export function valueBytes(type: number): number | undefined {
  return VALUE_BYTES[type];
}
