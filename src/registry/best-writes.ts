import type { BestMetric } from "../core/index.ts";
import { bestVersion, type MeasuredVersion } from "./best.ts";
import type { WriteConnection } from "./write-ops.ts";

/** Stored among the settings, because those come along when a registry is built again. */
export function putBestMetric(db: WriteConnection, model: string, best: BestMetric | undefined): void {
  if (best === undefined) db.run("removeSetting", settingOf(model));
  else db.run("setSetting", settingOf(model), JSON.stringify(best));
}

/** What `best` stands for now. */
export function currentBest(
  db: WriteConnection,
  modelId: number,
  model: string,
): ReturnType<typeof bestVersion> {
  const measured = db.all<MeasuredVersion>("measuredVersions", modelId);
  const setting = db.get<{ value: string }>("findSetting", settingOf(model));
  return bestVersion(measured, setting && JSON.parse(setting.value) as BestMetric);
}

function settingOf(model: string): string {
  return `best_metric/${model}`;
}
