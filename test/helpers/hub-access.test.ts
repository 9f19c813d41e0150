import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Hub, startHub } from "./hub.ts";

const MEMBER = "hf_aMemberOfAcme";
const OUTSIDER = "hf_somebodyElse";
const GARBAGE = "hf_nobodyHasThisToken";
let hub: Hub;
let commit: string;

beforeAll(async () => {
  hub = await startHub({
    tokens: {
      [MEMBER]: { name: "ann", grants: ["acme/private", "acme/gated", "acme/manual"] },
      [OUTSIDER]: { name: "bob" },
    },
  });
  const file = { "config.json": "{}" };
  commit = hub.repository({ id: "acme/open" }).commit(file);
  hub.repository({ id: "acme/private", private: true }).commit(file);
  hub.repository({ id: "acme/gated", gated: "auto" }).commit(file);
  hub.repository({ id: "acme/manual", gated: "manual" }).commit(file);
  hub.repository({ id: "acme/disabled", disabled: true }).commit(file);
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

/** Asks without following redirects. Gives the status, the code, what the header says and what the body says. */
async function answer(path: string, token?: string) {
  const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(hub.endpoint + path, { headers: authorization, redirect: "manual" });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  const error = isJson ? JSON.parse(text).error : undefined;
  const { status, headers } = response;
  return [status, headers.get("X-Error-Code"), headers.get("X-Error-Message"), error];
}

function file(id: string, path = "config.json"): string {
  return `/${id}/resolve/main/${path}`;
}

const BARE = [401, null, "Invalid username or password.", "Invalid username or password."];
const NO_REPO = [404, "RepoNotFound", "Repository not found", "Repository not found"];
const BAD_TOKEN = "Invalid credentials in Authorization header";
const DISABLED = "Access to this resource is disabled.";

for (const id of ["acme/absent", "acme/private"]) {
  test(`${id}: nobody learns whether it exists, the holder of a token learns that it does not`, async () => {
    for (const path of [file(id), `/api/models/${id}`, `/api/models/${id}/tree/main`]) {
      expect(await answer(path)).toEqual(BARE);
      expect(await answer(path, OUTSIDER)).toEqual(NO_REPO);
      expect((await answer(path, GARBAGE)).slice(0, 3)).toEqual([401, null, BAD_TOKEN]);
    }
  });
}

test("a private repository is open to whom it was granted", async () => {
  expect((await answer("/api/models/acme/private", MEMBER))[0]).toBe(200);
  expect((await answer(file("acme/private"), MEMBER))[0]).toBe(307);
});

for (const [id, gated] of [["acme/gated", "auto"], ["acme/manual", "manual"]] as const) {
  test(`gated (${gated}): the listing is public, files are not`, async () => {
    for (const token of [undefined, OUTSIDER, MEMBER]) {
      expect((await answer(`/api/models/${id}`, token))[0]).toBe(200);
      expect((await answer(`/api/models/${id}/tree/main`, token))[0]).toBe(200);
    }
    for (
      const path of [
        file(id),
        file(id, "absent"),
        `/${id}/raw/main/config.json`,
        `/api/models/${id}/auth-check`,
      ]
    ) {
      expect((await answer(path)).slice(0, 2)).toEqual([401, "GatedRepo"]);
      expect((await answer(path, GARBAGE)).slice(0, 2)).toEqual([401, "GatedRepo"]);
      expect((await answer(path, OUTSIDER)).slice(0, 2)).toEqual([403, "GatedRepo"]);
    }
    expect((await answer(file(id), MEMBER))[0]).toBe(307);
    expect((await answer(`/api/models/${id}/auth-check`, MEMBER))[0]).toBe(200);
    const info = await (await fetch(`${hub.endpoint}/api/models/${id}`)).json();
    expect(info).toMatchObject({ gated, private: false, disabled: false });
  });
}

test("the address that small files are at is guarded like the one that leads there", async () => {
  const path = `/api/resolve-cache/models/acme/gated/${"0".repeat(40)}/config.json`;
  expect((await answer(path)).slice(0, 2)).toEqual([401, "GatedRepo"]);
  expect((await answer(path, MEMBER)).slice(0, 2)).toEqual([404, "RevisionNotFound"]);
});

test("a bad token is refused also where none is needed", async () => {
  for (const path of [file("acme/open"), "/api/models/acme/open", "/api/whoami-v2"]) {
    expect(await answer(path, GARBAGE)).toEqual([401, null, BAD_TOKEN, BAD_TOKEN]);
  }
  expect((await answer(file("acme/open")))[0]).toBe(307);
  expect(await answer("/api/whoami-v2")).toEqual(BARE);
});

test("a disabled repository answers 403 to everybody", async () => {
  for (const token of [undefined, OUTSIDER]) {
    expect(await answer(file("acme/disabled"), token)).toEqual([403, null, DISABLED, DISABLED]);
    expect(await answer("/api/models/acme/disabled", token)).toEqual([403, null, DISABLED, DISABLED]);
  }
});

test("a bad revision is RevisionNotFound, everywhere", async () => {
  const message = "Invalid rev id: v9";
  for (
    const path of [
      "/acme/open/resolve/v9/config.json",
      "/acme/open/raw/v9/config.json",
      "/api/models/acme/open/revision/v9",
      "/api/models/acme/open/tree/v9?recursive=true",
    ]
  ) expect(await answer(path)).toEqual([404, "RevisionNotFound", message, message]);
  expect((await answer("/acme/open/resolve/refs/pr/9/config.json"))[2]).toBe("Invalid rev id: refs/pr/9");
});

test("a bad path is EntryNotFound and names the commit", async () => {
  for (const path of [file("acme/open", "absent"), "/api/models/acme/open/tree/main/absent"]) {
    expect((await answer(path)).slice(0, 2)).toEqual([404, "EntryNotFound"]);
    expect((await fetch(hub.endpoint + path)).headers.get("X-Repo-Commit")).toBe(commit);
  }
});

test("rights change while clients are at work", async () => {
  hub.tokens.set("hf_new", { name: "eve", grants: ["acme/private"] });
  expect((await answer("/api/models/acme/private", "hf_new"))[0]).toBe(200);
  hub.tokens.delete("hf_new");
  expect((await answer("/api/models/acme/private", "hf_new"))[0]).toBe(401);
});

test("rateLimit() refuses that many requests and says when to come back", async () => {
  hub.rateLimit({ count: 2, retryAfterS: 7 });
  const responses = [];
  for (const path of ["/api/models/acme/open", file("acme/open"), file("acme/open")]) {
    responses.push(await fetch(hub.endpoint + path, { redirect: "manual" }));
  }
  expect(responses.map((one) => one.status)).toEqual([429, 429, 307]);
  expect(responses.map((one) => one.headers.get("Retry-After"))).toEqual(["7", "7", null]);
  expect(responses[0]?.headers.get("RateLimit")).toBe('"api";r=0;t=7');
  expect(responses[1]?.headers.get("RateLimit")).toBe('"resolvers";r=0;t=7');
  expect(responses[2]?.headers.get("RateLimit")).toMatch(/^"resolvers";r=[1-9]\d*;t=\d+$/);
  expect(responses[2]?.headers.get("RateLimit-Policy")).toMatch(/^"fixed window";"resolvers";q=\d+;w=\d+$/);
});

test("what is no address of the hub is 404 or 400, also with broken escapes and methods", async () => {
  expect((await answer("/api/agent-harnesses")).slice(0, 2)).toEqual([404, null]);
  expect((await answer("/api/resolve-cache/models/acme/open/main/config.json"))[0]).toBe(400);
  expect((await answer("/acme/open/resolve/main/%ff"))[0]).toBe(400);
  const post = await fetch(`${hub.endpoint}/api/models/acme/open`, { method: "POST", body: "x" });
  expect(post.status).toBe(405);
});
