import type { Connection } from "./connection.ts";
import { type Stored, withoutNulls } from "./rows.ts";
import type { KEPT_SQL } from "./statements.ts";
import type { PullFileRow, PullRow, PullState, Registry } from "./types.ts";

type PullConnection = Pick<Connection<typeof KEPT_SQL>, "get" | "all" | "snapshot">;

export function pullReads(db: PullConnection): Pick<Registry, "findPull" | "listPulls"> {
  return {
    findPull: (id) =>
      db.snapshot(() => {
        const row = db.get<StoredPull>("findPull", id);
        return row && toPull(db, row);
      }),
    listPulls: ({ limit, states }) =>
      db.snapshot(() => pullRows(db, limit, states).map((row) => toPull(db, row))),
  };
}

type StoredPull = Stored<Omit<PullRow, "files" | "request" | "error">> & {
  readonly request: string | null;
  readonly error: string | null;
};

function pullRows(db: PullConnection, limit: number, states?: readonly PullState[]): StoredPull[] {
  if (states === undefined) return db.all<StoredPull>("listPulls", limit);
  return [...new Set(states)]
    .flatMap((state) => db.all<StoredPull>("listPullsInState", state, limit))
    .sort((a, b) => b.createdAtS - a.createdAtS || (a.id < b.id ? 1 : -1))
    .slice(0, limit);
}

function toPull(db: PullConnection, row: StoredPull): PullRow {
  const { request, error, ...pull } = row;
  return {
    ...withoutNulls<Omit<PullRow, "files" | "request" | "error">>(pull),
    ...(request === null ? {} : { request: JSON.parse(request) }),
    ...(error === null ? {} : { error: JSON.parse(error) }),
    files: db.all<Stored<Omit<PullFileRow, "urls">> & { urls: string }>("filesOfPull", row.id).map((
      file,
    ) => ({
      ...withoutNulls<PullFileRow>({ ...file, urls: JSON.parse(file.urls) }),
    })),
  };
}
