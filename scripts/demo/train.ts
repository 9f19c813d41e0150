// deno-lint-ignore-file no-console
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { predictForest, trainForest } from "./forest.ts";
import { FEATURES, IRIS, type Sample, SPECIES, stratifiedSplit } from "./iris.ts";
import { predictLogistic, trainLogistic } from "./logistic.ts";
import { measure, type Metrics } from "./metrics.ts";
import { forestOnnx, logisticOnnx } from "./write-onnx.ts";

/** Where the executable takes the demo from. */
const TARGET = resolve(import.meta.dir, "../../src/demo/iris");
/** Half of each species: with fewer, one flower more or less decides which classifier looks better. */
const TEST_PER_SPECIES = 25;
/** The year of Fisher's paper. */
const SEED = 1936;

export interface DemoVersion {
  readonly version: string;
  readonly model: Uint8Array<ArrayBuffer>;
  readonly metrics: Metrics;
  /** JSON that goes with the model. */
  readonly metadata: string;
  /** What the model has to answer: the probability of each species. */
  readonly predict: (features: readonly number[]) => number[];
}

/** Trains both classifiers. The same bytes come out every time, on every machine. */
export function trainDemo(): DemoVersion[] {
  const { train, test } = stratifiedSplit(IRIS, TEST_PER_SPECIES, SEED);
  const logistic = trainLogistic(train);
  const forest = trainForest(train, SEED);
  const make = (version: string, algorithm: string, model: Uint8Array<ArrayBuffer>, predict: Predict) => {
    const metrics = evaluate(test, predict);
    const metadata = metadataOf({ version, algorithm, trained: train.length, tested: test.length, metrics });
    return { version, model, metrics, metadata, predict };
  };
  return [
    make(
      "1.0.0",
      "multinomial logistic regression",
      logisticOnnx(logistic),
      (features) => predictLogistic(logistic, features),
    ),
    make("1.1.0", "random forest", forestOnnx(forest), (features) => predictForest(forest, features)),
  ];
}

type Predict = DemoVersion["predict"];

function evaluate(samples: readonly Sample[], predict: Predict): Metrics {
  return measure(samples.map(({ species }) => species), samples.map(({ features }) => predict(features)));
}

interface About {
  readonly version: string;
  readonly algorithm: string;
  readonly trained: number;
  readonly tested: number;
  readonly metrics: Metrics;
}

function metadataOf({ version, algorithm, trained, tested, metrics }: About): string {
  const document = {
    model: "demo/iris",
    version,
    description: `Names the species of an iris flower from four lengths in centimetres, by ${algorithm}.`,
    algorithm,
    features: FEATURES,
    classes: SPECIES,
    data: "R. A. Fisher, The use of multiple measurements in taxonomic problems, 1936, table I",
    trained_on: trained,
    tested_on: tested,
    metrics,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

async function main(): Promise<void> {
  for (const { version, model, metadata, metrics } of trainDemo()) {
    const folder = join(TARGET, version);
    await mkdir(folder, { recursive: true });
    await Bun.write(join(folder, "model.onnx"), model);
    await Bun.write(join(folder, "metadata.json"), metadata);
    console.log(`${version}  ${model.byteLength} bytes  ${JSON.stringify(metrics)}`);
  }
}

if (import.meta.main) await main();
