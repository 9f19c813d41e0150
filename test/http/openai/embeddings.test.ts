import { describe, expect, test } from "bun:test";
import { errorOf, running } from "./setup.ts";

const EMBEDDINGS = "/v1/embeddings";

describe("POST /v1/embeddings", () => {
  test("gives one embedding for one input, as numbers", async () => {
    await using s = await running();
    const response = await s.ask(EMBEDDINGS, { model: "acme/tiny:Q4_K_M", input: "Hi", user: "me" });
    expect([response.status, response.headers.get("x-larder-version")]).toEqual([200, "v1"]);
    expect(await response.json()).toEqual({
      object: "list",
      data: [{ object: "embedding", index: 0, embedding: [0.5, -2] }],
      model: "acme/tiny:Q4_K_M",
      usage: { prompt_tokens: 3, total_tokens: 3 },
    });
    expect(s.models.calls).toEqual([["embed", { model: "acme/tiny", variant: "Q4_K_M" }, "Hi"]]);
  });

  test("gives several in order, all from the version that gave the first", async () => {
    await using s = await running();
    const { embed } = s.models;
    s.models.embed = async (...call) => ({ ...await embed(...call), embedding: [call[1].length] });
    const response = await s.ask(EMBEDDINGS, { model: "acme/tiny", input: ["a", "bcd"] });
    expect(await response.json()).toMatchObject({
      data: [{ index: 0, embedding: [1] }, { index: 1, embedding: [3] }],
      usage: { prompt_tokens: 6, total_tokens: 6 },
    });
    expect(s.models.calls).toEqual([
      ["embed", { model: "acme/tiny" }, "a"],
      ["embed", { model: "acme/tiny", version: "v1", variant: "Q4_K_M" }, "bcd"],
    ]);
  });

  test("base64 is float32 with the lowest byte first", async () => {
    await using s = await running();
    const response = await s.ask(EMBEDDINGS, { model: "m", input: "x", encoding_format: "base64" });
    const { data: [{ embedding }] } = await response.json() as { data: [{ embedding: string }] };
    // IEEE 754: 0.5 is 3f000000, -2 is c0000000.
    expect(Buffer.from(embedding, "base64").toString("hex")).toBe("0000003f000000c0");
  });

  test("names the one of several inputs that is empty", async () => {
    await using s = await running();
    const response = await s.ask(EMBEDDINGS, { model: "m", input: ["a", ""] });
    expect([response.status, (await errorOf(response)).param]).toEqual([400, "input[1]"]);
    expect(s.models.calls).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["input", undefined],
    ["input", ""],
    ["input", []],
    ["input", [1, 2, 3]],
    ["input", [[1, 2, 3]]],
    ["dimensions", 256],
    ["encoding_format", "int8"],
    ["truncate", true],
  ])("refuses %s %j by name", async (field, value) => {
    await using s = await running();
    const response = await s.ask(EMBEDDINGS, { model: "m", input: "x", [field]: value });
    expect([response.status, (await errorOf(response)).param]).toEqual([400, field]);
    expect(s.models.calls).toEqual([]);
  });
});
