import type { LoadableView, ModelMetadataView } from "../../library/index.ts";

/** Required by the dialect, and unknown here: a model is as old as each of its versions. */
const CREATED = 0;

/** Each model once, by its name alone, which means its latest version. */
export function modelList(loadable: readonly LoadableView[]) {
  const names = new Set(loadable.map(({ model }) => model));
  return { object: "list", data: [...names].map((name) => entry(name, name)) };
}

/** One model by the reference that was asked for, and what that stands for at this time. */
export function modelEntry(reference: string, view: ModelMetadataView) {
  return {
    ...entry(reference, view.model),
    version: view.version,
    variant: view.variant,
    context_length: view.contextLength,
  };
}

function entry(id: string, model: string) {
  const slash = model.indexOf("/");
  return { id, object: "model", created: CREATED, owned_by: slash < 0 ? "larder" : model.slice(0, slash) };
}
