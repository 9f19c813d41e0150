import type { ModelMetadata, Tensor, TensorRun, TensorSpec } from "../types.ts";

/** What a run brings into a batch. */
export interface Share {
  /** Runs with the same key differ in nothing but values and the number of rows. */
  readonly key: string;
  /** The first dimension of every input. */
  readonly rows: number;
  readonly bytes: number;
}

/** Which runs of a model may be joined, as far as its header tells. */
export class Shares {
  readonly #outputs: readonly string[];
  readonly #rowWise: ReadonlySet<string>;

  constructor(metadata: ModelMetadata) {
    this.#outputs = metadata.outputs.map(({ name }) => name);
    this.#rowWise = rowOutputs(metadata);
  }

  /** False when no run of the model can be joined. */
  get areAny(): boolean {
    return this.#rowWise.size > 0;
  }

  /** @returns Undefined for a run whose inputs do not begin with one number of rows, or that wants an output that does not. */
  of({ inputs, outputs = this.#outputs }: TensorRun): Share | undefined {
    if (outputs.some((name) => !this.#rowWise.has(name))) return undefined;
    const tensors = Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1));
    const rows = tensors[0]?.[1].shape[0] ?? 0;
    if (rows < 1 || tensors.some(([, { shape }]) => shape[0] !== rows)) return undefined;
    const types = tensors.map(([name, { dtype, shape }]) => [name, dtype, ...shape.slice(1)]);
    return {
      key: JSON.stringify([outputs, types]),
      rows,
      bytes: tensors.reduce((sum, [, tensor]) => sum + bytesOf(tensor), 0),
    };
  }
}

/**
 * The outputs that may have a row for each row of the inputs. None when an input has no first dimension that is open, or inputs begin
 * with dimensions of different names.
 */
function rowOutputs({ inputs, outputs }: ModelMetadata): ReadonlySet<string> {
  const heads = inputs.map(({ shape }) => shape[0]);
  const names = new Set(heads.filter((head) => typeof head === "string"));
  const areOpen = heads.length > 0 && heads.every((head) => head === null || typeof head === "string");
  if (!areOpen || names.size > 1) return new Set();
  const [rows = null] = names;
  const mayHaveRows = outputs.filter((output) => !("shape" in output) || mayBe(output.shape[0], rows));
  return new Set(mayHaveRows.map(({ name }) => name));
}

/** A dimension that a header leaves without a number or a name may be anything: then the answers are looked at. */
function mayBe(head: TensorSpec["shape"][number] | undefined, rows: string | null): boolean {
  if (typeof head === "number") return false;
  return head === undefined || head === null || rows === null || head === rows;
}

function bytesOf({ data }: Tensor): number {
  return ArrayBuffer.isView(data) ? data.byteLength : data.reduce((sum, text) => sum + text.length, 0);
}
