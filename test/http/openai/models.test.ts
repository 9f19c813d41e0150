import { describe, expect, test } from "bun:test";
import { LarderError } from "../../../src/core/index.ts";
import type { LoadableView } from "../../../src/library/index.ts";
import { errorOf, running } from "./setup.ts";

const view = (model: string, version: string): LoadableView => {
  return { model, version, variants: ["default"], state: "unloaded", reason: null, metrics: {} };
};

describe("GET /v1/models", () => {
  test("names each model once", async () => {
    await using s = await running();
    s.models.views = [view("acme/tiny", "2"), view("acme/tiny", "1"), view("iris", "1")];
    expect(await (await s.get("/v1/models")).json()).toEqual({
      object: "list",
      data: [
        { id: "acme/tiny", object: "model", created: 0, owned_by: "acme" },
        { id: "iris", object: "model", created: 0, owned_by: "larder" },
      ],
    });
  });

  test.each(["acme/tiny@v1:Q4_K_M", "acme%2Ftiny%40v1%3AQ4_K_M"])("%s is one of them", async (name) => {
    await using s = await running();
    expect(await (await s.get(`/v1/models/${name}`)).json()).toEqual({
      id: "acme/tiny@v1:Q4_K_M",
      object: "model",
      created: 0,
      owned_by: "acme",
      version: "v1",
      variant: "Q4_K_M",
      context_length: 4096,
    });
    const target = { model: "acme/tiny", version: "v1", variant: "Q4_K_M" };
    expect(s.models.calls).toEqual([["metadata", target]]);
  });

  test("one that is not there is 404", async () => {
    await using s = await running();
    s.models.failures.set("metadata", new LarderError("VERSION_NOT_FOUND", "Cannot find acme/tiny@9"));
    const response = await s.get("/v1/models/acme/tiny@9");
    expect([response.status, await errorOf(response)]).toEqual([404, {
      message: "Cannot find acme/tiny@9",
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    }]);
  });

  test.each(["..%2f..%2fetc", "a%0ab", "%ff", "%252e%252e", "a/b/c/d"])("%s is 400", async (name) => {
    await using s = await running();
    const response = await s.get(`/v1/models/${name}`);
    expect([response.status, (await errorOf(response)).param]).toEqual([400, "model"]);
    expect(s.models.calls).toEqual([]);
  });
});
