import { expect, test } from "bun:test";
import type { BestMetric } from "../../src/core/index.ts";
import { bestVersion } from "../../src/registry/best.ts";
import type { Registry, VersionRecord } from "../../src/registry/index.ts";
import { codeOf, versionOf, withRegistry } from "./fixtures.ts";

type Metrics = Readonly<Record<string, number>>;

function best(versions: Readonly<Record<string, Metrics>>, wanted?: BestMetric) {
  const measured = Object.entries(versions).flatMap(([version, metrics], at) =>
    Object.entries(metrics).map(([metric, value]) => ({ version, createdAtS: at, metric, value }))
  );
  return bestVersion(measured, wanted);
}

test.each<[string, Record<string, Metrics>, string | undefined]>([
  [
    "f1 before accuracy",
    { "1.0.0": { f1: 0.9, accuracy: 0.99 }, "2.0.0": { f1: 0.8, accuracy: 1 } },
    "1.0.0 f1",
  ],
  [
    "roc_auc before accuracy",
    { a: { roc_auc: 0.7, accuracy: 0.9 }, b: { roc_auc: 0.8, accuracy: 0.1 } },
    "b roc_auc",
  ],
  [
    "accuracy before log_loss",
    { a: { accuracy: 0.9, log_loss: 9 }, b: { accuracy: 0.8, log_loss: 0 } },
    "a accuracy",
  ],
  ["the least log_loss", { a: { log_loss: 0.2 }, b: { log_loss: 0.1 }, c: { log_loss: 0.3 } }, "b log_loss"],
  ["the least rmse, before mae", { a: { rmse: 2, mae: 0 }, b: { rmse: 1, mae: 3 } }, "b rmse"],
  ["the least mae", { a: { mae: 2 }, b: { mae: 1 } }, "b mae"],
  ["a metric that only one version has", { a: { f1: 0.1 }, b: { accuracy: 1 } }, "a f1"],
  ["values below zero", { a: { f1: -2 }, b: { f1: -1 } }, "b f1"],
  [
    "of equals the highest stable one",
    { "1.10.0": { f1: 1 }, "1.9.0": { f1: 1 }, "2.0.0-rc.1": { f1: 1 } },
    "1.10.0 f1",
  ],
  ["of equals the newest, where names are no versions", { x: { f1: 1 }, a: { f1: 1 } }, "a f1"],
  ["nothing by metrics of which the direction is unknown", { a: { custom: 1 }, b: { custom: 2 } }, undefined],
  ["nothing without metrics", {}, undefined],
])("best goes by %s", (_, versions, expected) => {
  const found = best(versions);
  expect(found && `${found.version} ${found.metric}`).toBe(expected);
});

test.each<[BestMetric, string | undefined]>([
  [{ metric: "custom", better: "higher" }, "b"],
  [{ metric: "custom", better: "lower" }, "a"],
  [{ metric: "f1", better: "lower" }, "b"],
  [{ metric: "other", better: "higher" }, undefined],
])("best goes by %j when the user said so", (wanted, expected) => {
  expect(best({ a: { custom: 1, f1: 0.9 }, b: { custom: 2, f1: 0.8 }, c: {} }, wanted)?.version).toBe(
    expected,
  );
});

function measured(version: string, metrics: Metrics): VersionRecord {
  return { ...versionOf("iris", version), metrics };
}

async function put(registry: Registry, versions: Readonly<Record<string, Metrics>>): Promise<void> {
  for (const [version, metrics] of Object.entries(versions)) {
    await registry.putVersion(measured(version, metrics));
  }
}

test("metrics come back with a version, and with the model's versions", () =>
  withRegistry(async (registry) => {
    const metrics = { f1: 0.97, "ndcg@10": 0.1 + 0.2, constructor: -1e300 };
    await registry.putVersion(measured("1.0.0", metrics));
    await registry.putVersion(versionOf("iris", "1.1.0"));
    expect(registry.findVersion("iris", "1.0.0")?.metrics).toEqual(metrics);
    expect(registry.findVersion("iris", "1.1.0")).not.toHaveProperty("metrics");
    expect(registry.findModel("iris")?.versions).toMatchObject([{ version: "1.1.0" }, {
      version: "1.0.0",
      metrics,
    }]);
    expect(registry.findModel("iris")?.best).toEqual({ version: "1.0.0", metric: "f1" });
  }));

test("best follows every change of metrics, versions and the metric that was named", () =>
  withRegistry(async (registry) => {
    const now = () => registry.resolveVersion("iris", "best");
    await registry.putVersion(versionOf("iris", "0.9.0"));
    expect(now()).toBeUndefined();
    await put(registry, { "1.0.0": { f1: 0.9, latency_ms: 5 }, "1.1.0": { f1: 0.95, latency_ms: 9 } });
    expect(now()).toBe("1.1.0");
    await put(registry, { "1.0.0": { f1: 0.99, latency_ms: 5 } });
    expect(now()).toBe("1.0.0");
    await registry.setBestMetric("iris", { metric: "latency_ms", better: "higher" });
    expect(now()).toBe("1.1.0");
    expect(registry.findModel("iris")?.best).toEqual({ version: "1.1.0", metric: "latency_ms" });
    await registry.removeVersion("iris", "1.1.0");
    expect(now()).toBe("1.0.0");
    await registry.setBestMetric("iris", { metric: "unheard_of", better: "higher" });
    expect(now()).toBeUndefined();
    await registry.setBestMetric("iris", undefined);
    expect(now()).toBe("1.0.0");
    await put(registry, { "1.0.0": {} });
    expect(now()).toBeUndefined();
    expect(await codeOf(registry.setBestMetric("nobody", undefined))).toBe("MODEL_NOT_FOUND");
  }));

test("what best goes by is forgotten with the model, and is nobody else's", () =>
  withRegistry(async (registry) => {
    await put(registry, { "1.0.0": { f1: 0.9, mae: 1 }, "1.1.0": { f1: 0.8, mae: 0 } });
    await registry.putVersion({ ...measured("1.0.0", { f1: 0.9, mae: 1 }), model: "iris/two" });
    await registry.setBestMetric("iris", { metric: "mae", better: "lower" });
    expect(registry.findModel("iris/two")?.best?.metric).toBe("f1");
    expect(registry.resolveVersion("iris", "best")).toBe("1.1.0");
    await registry.removeVersion("iris");
    await put(registry, { "1.0.0": { f1: 0.9, mae: 1 }, "1.1.0": { f1: 0.8, mae: 0 } });
    expect(registry.resolveVersion("iris", "best")).toBe("1.0.0");
  }));

test("whoever remembers what best stood for is told that it may have changed", () =>
  withRegistry(async (registry) => {
    await put(registry, { "1.0.0": { f1: 0.9 } });
    const before = registry.generation();
    await registry.setBestMetric("iris", { metric: "mae", better: "lower" });
    expect(registry.generation()).toBeGreaterThan(before);
  }));
