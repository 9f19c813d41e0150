import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { isLarderError, LarderError } from "../../../src/core/index.ts";
import { startHubHttp } from "../../../src/http/index.ts";
import { createHubServing, type Scope } from "../../../src/library/index.ts";
import { addVersion, COMMIT, headOf, HUB_CONFIG, type HubRunning, hubRunning } from "./setup.ts";

const FOREIGN = "Bearer hf_ofSomebodyAtTheHub";
let hub: HubRunning;

async function filled(running: HubRunning): Promise<HubRunning> {
  await addVersion(running.larder, {
    model: "acme/tiny",
    version: COMMIT,
    files: { "a.json": { bytes: "{}" } },
  });
  return running;
}

async function tokenFor(running: HubRunning, scopes: readonly Scope[]): Promise<string> {
  const { token } = await running.larder.library.createToken({ name: scopes.join(" "), scopes });
  return `Bearer ${token}`;
}

beforeAll(async () => {
  hub = await filled(await hubRunning());
});
afterAll(() => hub[Symbol.asyncDispose]());

describe("what is not here", () => {
  test.each<[string, string, string]>([
    ["/acme/none/resolve/main/a.json", "RepoNotFound", "Repository not found"],
    ["/api/models/acme/none", "RepoNotFound", "Repository not found"],
    ["/api/models/acme/none/revision/main", "RepoNotFound", "Repository not found"],
    ["/api/models/acme/none/tree/main?recursive=true", "RepoNotFound", "Repository not found"],
    ["/api/models/acme/none/refs", "RepoNotFound", "Repository not found"],
    ["/api/datasets/acme/tiny", "RepoNotFound", "Repository not found"],
    ["/v2/acme/none/manifests/latest", "RepoNotFound", "Repository not found"],
    ["/acme/tiny/resolve/v9/a.json", "RevisionNotFound", "Invalid rev id: v9"],
    ["/acme/tiny/resolve/refs%2Fpr%2F1/a.json", "RevisionNotFound", "Invalid rev id: refs/pr/1"],
    ["/acme/tiny/resolve/refs/pr/1/a.json", "RevisionNotFound", "Invalid rev id: refs/pr/1"],
    ["/api/models/acme/tiny/revision/v9", "RevisionNotFound", "Invalid rev id: v9"],
    ["/api/models/acme/tiny/tree/v9", "RevisionNotFound", "Invalid rev id: v9"],
    ["/acme/tiny/resolve/main/none.json", "EntryNotFound", "Entry not found"],
    ["/acme/tiny/raw/main/none.json", "EntryNotFound", "Entry not found"],
    ["/acme/tiny/resolve/main/..%2F..%2Fetc%2Fpasswd", "EntryNotFound", "Entry not found"],
    ["/api/models/acme/tiny/tree/main/additional_chat_templates", "EntryNotFound", "Entry not found"],
    ["/api/models/acme/tiny/tree/main/a.json", "EntryNotFound", "Entry not found"],
    ["/v2/acme/tiny/manifests/Q4_K_M", "EntryNotFound", "Entry not found"],
  ])("%s is 404 %s", async (target, code, message) => {
    for (const method of ["GET", "HEAD"]) {
      const response = await hub.fetch(target, { method });
      expect(headOf(response)).toMatchObject({
        status: 404,
        headers: {
          "x-error-code": code,
          "x-error-message": message,
          "content-type": "application/json; charset=utf-8",
          "cache-control": "no-store",
        },
      });
      expect(response.headers.get("x-repo-commit")).toBe(code === "EntryNotFound" ? COMMIT : null);
      expect(await response.text()).toBe(method === "HEAD" ? "" : JSON.stringify({ error: message }));
    }
  });

  test.each([
    "/",
    "/acme/tiny",
    "/api",
    "/api/agent-harnesses",
    "/api/models/acme/tiny/commits/main",
    "/api/blobs/x",
  ])(
    "%s has no route: 404 in JSON, with none of the codes that mean something",
    async (target) => {
      const response = await hub.fetch(target);
      expect(headOf(response)).toMatchObject({ status: 404 });
      expect(["RepoNotFound", "RevisionNotFound", "EntryNotFound"]).not.toContain(
        response.headers.get("x-error-code") ?? "",
      );
      expect(await response.json()).toEqual({ error: expect.any(String) });
    },
  );

  test("names of a client stay out of the headers' grammar", async () => {
    const response = await hub.fetch(
      `/acme/tiny/resolve/${encodeURIComponent("v\r\nx-evil: 1\u00e9")}/a.json`,
    );
    expect(headOf(response)).toMatchObject({ status: 404, headers: { "x-error-code": "RevisionNotFound" } });
    expect(response.headers.get("x-error-message")).toBe("Invalid rev id: v??x-evil: 1?");
    expect(response.headers.has("x-evil")).toBe(false);
    expect((await hub.fetch("/acme/tiny/resolve/%ff/a.json")).status).toBe(400);
  });
});

describe("who may", () => {
  test("on loopback everybody, until there is a token: then those who show one with the scope read", async () => {
    await using closed = await filled(await hubRunning());
    const target = "/acme/tiny/resolve/main/a.json";
    expect((await closed.fetch(target)).status).toBe(200);
    const [reader, puller] = [await tokenFor(closed, ["read"]), await tokenFor(closed, ["pull"])];
    const at = (authorization?: string) =>
      closed.fetch(target, authorization === undefined ? {} : { headers: { authorization } });
    expect((await at(reader)).status).toBe(200);
    for (const wrong of [undefined, FOREIGN, "Bearer ldr_unknown", `Basic ${btoa("user:pw")}`]) {
      // Any other 401 is taken for a repository that does not exist; these words are compared letter by letter.
      const response = await at(wrong);
      expect(headOf(response)).toMatchObject({
        status: 401,
        headers: { "x-error-message": "Invalid credentials in Authorization header" },
      });
      expect(response.headers.has("x-error-code")).toBe(false);
      expect(await response.json()).toEqual({ error: "Invalid credentials in Authorization header" });
    }
    expect((await at(puller)).status).toBe(403);
    for (const path of ["/api/models/acme/tiny", "/api/models", "/api/models/acme/tiny/tree/main"]) {
      expect((await closed.fetch(path)).status).toBe(401);
    }
  });

  test("a token of the hub, which its tools send to any endpoint, counts as none", async () => {
    const response = await hub.fetch("/acme/tiny/resolve/main/a.json", {
      headers: { authorization: FOREIGN },
    });
    expect(response.status).toBe(200);
    const wrong = await hub.fetch("/api/models/acme/tiny", {
      headers: { authorization: "Bearer ldr_unknown" },
    });
    expect(wrong.status).toBe(401);
  });

  test("who am I is answered to a token of ours, also where everybody may read", async () => {
    await using closed = await filled(await hubRunning());
    expect((await closed.fetch("/api/whoami-v2")).status).toBe(401);
    const authorization = await tokenFor(closed, ["read"]);
    expect(await (await closed.fetch("/api/whoami-v2", { headers: { authorization } })).json())
      .toMatchObject({ type: "user", orgs: [], auth: { type: "access_token" } });
    expect((await closed.fetch("/api/whoami-v2", { headers: { authorization: FOREIGN } })).status).toBe(401);
  });

  test("nobody may start it for a network without a token", async () => {
    const { larder } = hub;
    const serving = createHubServing({ registry: larder.registry });
    const error = await startHubHttp({
      library: larder.library,
      serving,
      config: { ...HUB_CONFIG, hubHost: "0.0.0.0" },
    }).then(() => undefined, (thrown: unknown) => thrown);
    expect(isLarderError(error, "CONFIG") && error.field).toBe("hub_host");
    const taken = await startHubHttp({
      library: larder.library,
      serving,
      config: { ...HUB_CONFIG, hubPort: hub.port },
    }).then(() => undefined, (thrown: unknown) => thrown);
    expect(isLarderError(taken, "PORT_IN_USE") && taken.field).toBe("hub_port");
  });
});

describe("the guards of every listener", () => {
  test("another Host is 421, a page of another site may not post", async () => {
    const headers = { host: "evil.example" };
    expect((await hub.fetch("/api/models/acme/tiny", { headers })).status).toBe(421);
    const form = { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site" };
    const target = "/api/models/acme/tiny/paths-info/main";
    expect((await hub.fetch(target, { method: "POST", headers: form, body: "paths=a.json" })).status).toBe(
      403,
    );
  });

  test("nothing can be changed from here", async () => {
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
      for (const target of ["/acme/tiny/resolve/main/a.json", "/api/models/acme/tiny"]) {
        const response = await hub.fetch(target, { method });
        expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      }
    }
    expect((await hub.fetch("/api/repos/create", { method: "POST" })).status).toBe(404);
  });

  test("requests beyond connections_max are 503 with Retry-After, in the hub's form", async () => {
    await using busy = await filled(await hubRunning({ config: { connectionsMax: 0 } }));
    const response = await busy.fetch("/api/models/acme/tiny");
    expect(headOf(response)).toMatchObject({
      status: 503,
      headers: { "retry-after": "1", "x-error-code": "TooMany" },
    });
  });

  test("a body without an end is cut off at the limit", async () => {
    const socket = connect(hub.port, "127.0.0.1");
    const lines = [
      "POST /api/models/acme/tiny/paths-info/main HTTP/1.1",
      "Host: 127.0.0.1",
      "Connection: close",
    ];
    const form = ["Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked", "", ""];
    socket.write([...lines, ...form].join("\r\n"));
    const first = new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(bytes.toString())));
    socket.on("error", () => {}); // being cut is the point
    for (let sent = 0; sent < 3; sent++) socket.write(`2710\r\n${"x".repeat(10_000)}\r\n`);
    expect(await first).toStartWith("HTTP/1.1 413");
    socket.destroy();
  });

  test("every answer has an id", async () => {
    for (
      const target of [
        "/acme/tiny/resolve/main/a.json",
        "/api/models/acme/tiny",
        "/api/models/acme/none",
        "/",
      ]
    ) {
      expect((await hub.fetch(target)).headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-\w+$/);
    }
  });
});

describe("failures", () => {
  async function answerTo(failure: unknown): Promise<Response> {
    const { larder } = hub;
    const server = await startHubHttp({
      library: {
        hasModel: () => true,
        scopesOf: () => undefined,
        isOpen: () => true,
        serveFile: () => Promise.reject(failure),
      },
      serving: createHubServing({ registry: larder.registry }),
      config: HUB_CONFIG,
    });
    const response = await fetch(new URL("/acme/tiny/resolve/main/a.json", server.url));
    const copy = new Response(await response.text(), response);
    await server.stop();
    return copy;
  }

  test("a file that is being repaired is 503 with Retry-After, never a missing one", async () => {
    const options = { retryable: true, retryAfterS: 4.2 };
    const response = await answerTo(new LarderError("BLOB_REPAIRING", "Cannot serve it yet", options));
    expect(headOf(response)).toMatchObject({
      status: 503,
      headers: {
        "retry-after": "5",
        "x-error-code": "BlobRepairing",
        "x-error-message": "Cannot serve it yet",
      },
    });
  });

  test("an unforeseen error is a bare 500: nothing of it is shown", async () => {
    const response = await answerTo(new Error("secret"));
    expect(response.status).toBe(500);
    expect(JSON.stringify([headOf(response), await response.text()])).not.toContain("secret");
  });
});
