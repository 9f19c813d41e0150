import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { ErrorCode } from "../../src/core/index.ts";
import type { HubClient } from "../../src/hub/index.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { everythingOf, failure } from "../net/client.ts";
import { clientOf } from "./setup.ts";

const OWNER = "hf_ownerOwnerOwnerOwnerOwnerOwnerOwnerOw";
const STRANGER = "hf_strangerStrangerStrangerStrangerStra";
const GARBAGE = "hf_garbageGarbageGarbageGarbageGarbageGa";

let hub: Hub;
const commits = new Map<string, string>();
beforeAll(async () => {
  const tokens = {
    [OWNER]: { name: "owner", grants: ["acme/secret", "acme/gated"] },
    [STRANGER]: { name: "stranger" },
  };
  hub = await startHub({ tokens });
  const options = [
    { id: "acme/open" },
    { id: "acme/secret", private: true },
    { id: "acme/gated", gated: "manual" as const },
    { id: "acme/off", disabled: true },
  ];
  for (const option of options) {
    commits.set(option.id, hub.repository(option).commit({ "config.json": "{}", "model.gguf": "weights" }));
  }
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

type Call = (client: HubClient) => Promise<unknown>;
const scan = (id: string, revision?: string): Call => (client) =>
  client.scan({ kind: "model", id }, revision);
const read = (id: string, path: string): Call => (client) =>
  client.read({ repo: { kind: "model", id }, commit: commits.get(id) ?? "0".repeat(40) }, path);

test.each<[string, Call, string | undefined, ErrorCode, RegExp]>([
  [
    "gated, no token",
    read("acme/gated", "model.gguf"),
    undefined,
    "HUB_GATED",
    /Ask for access .* then give a token/,
  ],
  ["gated, garbage token", read("acme/gated", "model.gguf"), GARBAGE, "HUB_GATED", /give a valid one/],
  [
    "gated, valid token, no access",
    read("acme/gated", "model.gguf"),
    STRANGER,
    "HUB_GATED",
    /with the account of the token/,
  ],
  ["missing, anonymous", scan("acme/none"), undefined, "REPO_NOT_FOUND", /private, give a token/],
  ["private, anonymous", scan("acme/secret"), undefined, "REPO_NOT_FOUND", /private, give a token/],
  ["missing, with token", scan("acme/none"), STRANGER, "REPO_NOT_FOUND", /account of the token/],
  ["private, with token", scan("acme/secret"), STRANGER, "REPO_NOT_FOUND", /account of the token/],
  ["bad token on a normal repository", scan("acme/open"), GARBAGE, "HUB_TOKEN_INVALID", /valid token/],
  [
    "bad revision",
    scan("acme/open", "nowhere"),
    undefined,
    "REVISION_NOT_FOUND",
    /branch, a tag or a commit/,
  ],
  ["bad path", read("acme/open", "none.json"), undefined, "HUB_FILE_NOT_FOUND", /Check the path/],
  ["disabled", scan("acme/off"), undefined, "REPO_DISABLED", /another repository/],
])("%s", async (_, call, token, code, hint) => {
  const error = await failure(call(clientOf([hub.endpoint], { token: () => token })));
  expect(error.code).toBe(code);
  expect(error.retryable).toBe(false);
  expect(error.hint).toMatch(hint);
  expect(everythingOf(error)).not.toMatch(/hf_(?:owner|stranger|garbage)/);
});

test("gated: the listing is public", async () => {
  const listing = await clientOf([hub.endpoint]).scan({ kind: "model", id: "acme/gated" });
  expect([listing.info.gated, listing.files.length]).toEqual(["manual", 2]);
});

test("the holder of a token reads what is private and what is gated", async () => {
  const client = clientOf([hub.endpoint], { token: () => OWNER });
  expect((await client.scan({ kind: "model", id: "acme/secret" })).info.private).toBe(true);
  expect(await read("acme/secret", "model.gguf")(client)).toHaveLength(7);
  expect(await read("acme/gated", "model.gguf")(client)).toHaveLength(7);
});

test("the token goes to the hub only: not to its CDN, not to a mirror", async () => {
  await using mirror = await startHub();
  mirror.repository({ id: "acme/open" }).commit({ "model.gguf": "weights" });
  const client = clientOf([hub.endpoint, mirror.endpoint], { token: () => OWNER });
  expect(await read("acme/gated", "model.gguf")(client)).toHaveLength(7);
  expect(hub.requests.map(({ at, headers }) => [at, headers.get("authorization")])).toEqual([
    ["hub", `Bearer ${OWNER}`],
    ["cdn", undefined],
  ]);
  hub.api.fault("/api/models/acme/open/revision/main", [{ kind: "status", status: 503 }]);
  await client.scan({ kind: "model", id: "acme/open" });
  expect(mirror.requests.length).toBe(2);
  expect(mirror.requests.flatMap(({ headers }) => headers.get("authorization") ?? [])).toEqual([]);
  expect(hub.leakedTokens).toEqual([]);
});

test("a mirror is not asked with the token even when the hub refuses it", async () => {
  await using mirror = await startHub();
  const client = clientOf([hub.endpoint, mirror.endpoint], { token: () => GARBAGE });
  expect((await failure(scan("acme/open")(client))).code).toBe("HUB_TOKEN_INVALID");
  expect(mirror.requests.map(({ headers }) => headers.get("authorization"))).toEqual([undefined]);
});

test.each(["hf_two\r\nX-Injected: 1", "hf_ünicode", "hf_with space"])(
  "the token %j is not sent",
  async (token) => {
    const error = await failure(scan("acme/open")(clientOf([hub.endpoint], { token: () => token })));
    expect(error.code).toBe("HUB_TOKEN_INVALID");
    expect(everythingOf(error)).not.toContain("hf_");
    expect(hub.requests).toEqual([]);
  },
);

test("an empty token is none", async () => {
  await scan("acme/open")(clientOf([hub.endpoint], { token: () => "" }));
  expect(hub.requests.flatMap(({ headers }) => headers.get("authorization") ?? [])).toEqual([]);
});
