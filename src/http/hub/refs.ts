import type { HubServing } from "../../library/index.ts";
import { flagOf, type HubExchange, jsonAnswer, queryOf } from "./answers.ts";

/** `GET /api/{kind}s/{id}/refs`. Aliases move as branches do; names of versions stay, as tags. */
export function refsAnswer(serving: HubServing, exchange: HubExchange, model: string): Response {
  const { branches, tags } = serving.refs(model);
  const shown = (refs: typeof branches, folder: string) =>
    refs.map(({ name, commit }) => ({ name, ref: `refs/${folder}/${name}`, targetCommit: commit }));
  return jsonAnswer(exchange, {
    branches: shown(branches, "heads"),
    converts: [],
    tags: shown(tags, "tags"),
    ...(flagOf(queryOf(exchange), "include_prs") ? { pullRequests: [] } : {}),
  });
}
