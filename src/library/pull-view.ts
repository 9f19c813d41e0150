import type { PullRow } from "../registry/index.ts";
import type { PullPlan } from "./pull-plan.ts";
import type { PullView } from "./types.ts";

/** A pull that nobody works on, as its row says. */
export function rowView(row: PullRow): PullView {
  const files = row.files.map((file) => ({
    path: file.path,
    url: file.urls[0] ?? "",
    state: file.state,
    sha256: file.digest ?? null,
    bytes_done: file.bytesDone,
    bytes_total: file.sizeBytes ?? null,
    bytes_fetched: 0,
    connections: 0,
    resumable: null,
  }));
  const total = files.some((file) => file.bytes_total === null)
    ? null
    : files.reduce((sum, file) => sum + (file.bytes_total ?? 0), 0);
  return {
    id: row.id,
    model: row.model,
    version: row.version ?? null,
    variant: row.variant,
    skipped: (row.request as PullPlan | undefined)?.skipped ?? [],
    state: row.state,
    bytes_done: files.reduce((sum, file) => sum + file.bytes_done, 0),
    bytes_total: total,
    rate_bytes_per_s: 0,
    eta_s: null,
    created_at: row.createdAtS,
    finished_at: row.finishedAtS ?? null,
    files,
    error: row.error ?? null,
  };
}
