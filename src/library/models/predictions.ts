import type { StructuredValue, Tensor } from "../../runtimes/index.ts";
import type { PredictView } from "../model-types.ts";
import { jsonValues, toJsonTensor } from "./json-tensors.ts";

type Outputs = Readonly<Record<string, Tensor | StructuredValue>>;
export type PredictionView = Pick<PredictView, "outputs" | "predictions" | "probabilities">;

/** Names that exporters give to class probabilities when they leave them a tensor. */
const PROBABILITIES = /prob/i;

/**
 * The outputs of a run as JSON. Classifiers as scikit-learn and XGBoost are exported (one label per row, and probabilities as maps or
 * as a tensor) are also told in plain words.
 */
export function toPrediction(outputs: Outputs): PredictionView {
  const predictions = labelsOf(outputs);
  const probabilities = probabilitiesOf(outputs);
  return {
    outputs: Object.fromEntries(
      Object.entries(outputs).map((
        [name, value],
      ) => [name, "rows" in value ? value.rows : toJsonTensor(value)]),
    ),
    ...(predictions === undefined ? {} : { predictions }),
    ...(probabilities === undefined ? {} : { probabilities }),
  };
}

/** The first output that holds one integer or string per row. */
function labelsOf(outputs: Outputs): (number | string)[] | undefined {
  for (const value of Object.values(outputs)) {
    if ("rows" in value) continue;
    const [, width = 1] = value.shape;
    const isPerRow = value.shape.length === 1 || (value.shape.length === 2 && width === 1);
    if (isPerRow && (value.dtype === "int64" || value.dtype === "string")) {
      return [...jsonValues(value.dtype, value.data)] as (number | string)[];
    }
  }
  return undefined;
}

function probabilitiesOf(outputs: Outputs): readonly Readonly<Record<string, number>>[] | undefined {
  for (const [name, value] of Object.entries(outputs)) {
    if ("rows" in value) return value.rows;
    const isTable = value.shape.length === 2 && value.dtype.startsWith("float") && PROBABILITIES.test(name);
    if (isTable) return byClass(value);
  }
  return undefined;
}

/** Classes without names are called by their number. */
function byClass({ dtype, shape, data }: Tensor): Record<string, number>[] {
  const [rows = 0, classes = 0] = shape;
  const values = jsonValues(dtype, data);
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      Array.from({ length: classes }, (_, index) => [String(index), Number(values[row * classes + index])]),
    ));
}
