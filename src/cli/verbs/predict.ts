import { parseModelRef } from "../../core/index.ts";
import type { JsonTensor, PredictView } from "../../library/index.ts";
import { noteFallback } from "../fallback-note.ts";
import { readInputs } from "../inputs.ts";
import { withApi } from "../session.ts";
import { formatTable, printable } from "../table.ts";
import { untilLoaded } from "../until-loaded.ts";
import { addExample, gather, type Verb } from "../verb.ts";

const LABELS_SHOWN = 5;

interface PredictOptions {
  readonly input?: string;
  readonly output?: readonly string[];
}

export const predict: Verb = (program, cli) => {
  const command = program.command("predict")
    .description("ask a model for a prediction; it is loaded first where it is not")
    .argument("<reference>", "model[@version-or-alias][:variant]")
    .argument("[inputs]", "JSON: rows for a model with one input, or an object of inputs by name")
    .option("--input <file>", "take the inputs from this file; - is standard input")
    .option("--output <name>", "give only this output; may be given again", gather);
  addExample(
    command,
    "larder predict iris '[[5.1, 3.5, 1.4, 0.2]]'",
    "larder predict iris@1.2.0 --input rows.json --json",
  );
  command.action(cli.action<PredictOptions>(async (context, { args: [reference = "", text], options }) => {
    const request = {
      ...parseModelRef(reference),
      inputs: await readInputs(context, text, options.input),
      ...(options.output === undefined ? {} : { outputs: options.output }),
    };
    const view = await withApi(
      context,
      ({ api }) => untilLoaded(context, "predict", (signal) => api.models.predict(request, { signal })),
    );
    context.output.document(view);
    context.output.lines(describe(view));
    noteFallback(context.output, view);
  }));
};

/** Labels where the model gives them; else every output as it is. */
function describe({ predictions, probabilities, outputs }: PredictView): string[] {
  const rows = Math.max(predictions?.length ?? 0, probabilities?.length ?? 0);
  if (rows === 0) {
    return Object.entries(outputs).map(([name, value]) => printable(`${name}  ${outputText(value)}`));
  }
  const columns = [
    ...(predictions === undefined ? [] : [{ title: "PREDICTION" }]),
    ...(probabilities === undefined ? [] : [{ title: "PROBABILITIES" }]),
  ];
  return formatTable(
    columns,
    Array.from({ length: rows }, (_, row) => [
      ...(predictions === undefined ? [] : [String(predictions[row])]),
      ...(probabilities === undefined ? [] : [likeliest(probabilities[row] ?? {})]),
    ]),
  );
}

function likeliest(row: Readonly<Record<string, number>>): string {
  const labels = Object.entries(row).sort(([, a], [, b]) => b - a);
  const shown = labels.slice(0, LABELS_SHOWN).map(([label, value]) =>
    `${label} ${Number(value.toPrecision(4))}`
  );
  return [...shown, ...(labels.length > LABELS_SHOWN ? ["…"] : [])].join(", ");
}

function outputText(value: PredictView["outputs"][string]): string {
  if (!isTensor(value)) return JSON.stringify(value);
  return `${value.dtype} [${value.shape.join(", ")}]  ${JSON.stringify(value.data)}`;
}

function isTensor(value: PredictView["outputs"][string]): value is JsonTensor {
  return !Array.isArray(value);
}
