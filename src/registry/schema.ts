import initial from "./migrations/001-initial.sql" with { type: "text" };
import hub from "./migrations/002-hub.sql" with { type: "text" };
import metrics from "./migrations/003-metrics.sql" with { type: "text" };
import use from "./migrations/004-use.sql" with { type: "text" };

/** One step of the schema: brings a database from `version - 1` to `version`, which is kept as its `user_version`. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** Every step in order, from an empty file on. A step that was released is never changed. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: initial },
  { version: 2, sql: hub },
  { version: 3, sql: metrics },
  { version: 4, sql: use },
];

export function schemaVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}
