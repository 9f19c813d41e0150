import type { ListAnswer, ModelPage, ModelSummary } from "../listing-types.ts";
import { abilitiesOf, type Description } from "./description.ts";
import type { LiveState } from "./live.ts";
import type { SelectedPage } from "./select-page.ts";

export function pageView(
  { descriptions, total, nextCursor }: SelectedPage,
  live: LiveState,
  quick: boolean,
): ModelPage {
  return {
    models: descriptions.map((description) => summary(description, live, quick)),
    total,
    next_cursor: nextCursor,
  };
}

/** The view as it is sent. */
export function answerOf(view: ModelPage): ListAnswer {
  const text = JSON.stringify(view);
  return { text, etag: `"${Bun.hash(text).toString(36)}"` };
}

function summary(description: Description, { loaded, pinned }: LiveState, quick: boolean): ModelSummary {
  const { model, facts } = description;
  const { runtime, capabilities } = abilitiesOf(description, quick);
  const told = quick ? undefined : facts;
  return {
    model,
    version_count: description.versionCount,
    latest: description.latest,
    size_bytes: description.sizeBytes,
    updated_at: description.updatedAtS,
    provider: description.provider,
    status: description.status,
    capabilities,
    runtime,
    architecture: told?.architecture ?? null,
    parameters: told?.parameters ?? null,
    context_length: told?.contextLength ?? null,
    quantization: told?.quantization ?? null,
    variants: description.variants,
    access_count: description.uses,
    last_used_at: description.uses > 0 ? description.usedAtS : null,
    loaded: loaded.has(model),
    pinned: pinned.has(model),
  };
}
