import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Api } from "../helpers/api.ts";
import { type Place, place } from "../helpers/executable.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { treeOf } from "./tree.ts";

const TIMEOUT_MS = 30_000;
const BYTES = pseudoRandomBytes(3, 200_000);

test(
  "A01: on loopback anybody may read and pull; changing what is there needs the token of the home",
  async () => {
    await using larder = await place();
    const { url } = await larder.serve();
    const anybody = new Api(url);
    expect((await anybody.get("/api/models/library")).status).toBe(200);
    expect((await anybody.get("/api/tokens")).status).toBe(401);
    expect((await anybody.delete("/api/models/acme/model")).status).toBe(401);
    expect((await anybody.post("/api/gc", {})).status).toBe(401);
    expect((await anybody.put("/api/limits", { pulls_at_once: 1 })).status).toBe(401);
    const owner = new Api(url, await adminToken(larder));
    expect((await owner.put("/api/limits", { pulls_at_once: 1 })).status).toBe(200);
    expect((await new Api(url, "ldr_wrong").get("/api/models/library")).status).toBe(401);
    expect((await anybody.get(`/api/models/library?token=${await adminToken(larder)}`)).status).toBe(401);
  },
  TIMEOUT_MS,
);

test(
  "A01: once a token exists nobody gets in without, and a token does what its scopes say until it is removed",
  async () => {
    await using larder = await place();
    const { url } = await larder.serve();
    const created = await larder.run("token", "create", "--name", "laptop", "--scope", "read");
    const { id, token } = created.json as { id: string; token: string };
    const anybody = new Api(url);
    for (const path of ["/api/models/library", "/api/pulls", "/metrics", "/api/files/acme/model/1/a.bin"]) {
      expect([path, (await anybody.get(path).catch(() => ({ status: 0 }))).status]).toEqual([path, 401]);
    }
    expect((await anybody.get("/health/live")).status).toBe(200);
    const reader = new Api(url, token);
    expect((await reader.get("/api/models/library")).status).toBe(200);
    const pull = { model: "acme/model", urls: ["https://models.example/a.bin"] };
    expect(await reader.post("/api/models/download", pull)).toMatchObject({
      status: 403,
      json: { code: "FORBIDDEN" },
    });
    expect((await larder.run("token", "remove", id)).code).toBe(0);
    expect(await reader.get("/api/models/library")).toMatchObject({
      status: 401,
      json: { code: "UNAUTHORIZED" },
    });
  },
  TIMEOUT_MS,
);

test("A02: a network address needs a token first, else exit 78", async () => {
  await using larder = await place();
  for (const host of ["0.0.0.0", "::"]) {
    const refused = await larder.run("serve", "--host", host, "--port", "0");
    expect([refused.code, refused.json]).toMatchObject([78, { error: { code: "CONFIG", field: "host" } }]);
    expect(refused.stderr).toContain("larder token create");
  }
  const { json } = await larder.run("token", "create", "--name", "rack", "--scope", "read");
  const server = await larder.serve(["--host", "0.0.0.0"]);
  const url = `http://127.0.0.1:${new URL(server.url).port}`;
  expect((await new Api(url).get("/api/models/library")).status).toBe(401);
  expect((await new Api(url, String(json["token"])).get("/api/models/library")).status).toBe(200);
  expect((await larder.run("token", "remove", String(json["id"]))).code).toBe(0);
  expect((await new Api(url).get("/api/models/library")).status).toBe(401);
}, TIMEOUT_MS);

test("S17: no secret of an address or a token is in the home, the log or an answer", async () => {
  await using origin = await startOrigin();
  await using larder = await place();
  const canary = () => `canary${randomBytes(12).toString("hex")}`;
  const [signature, redirected, password] = [canary(), canary(), canary()];
  origin.file("/model.bin", BYTES);
  origin.on(
    "/moved.bin",
    (exchange) => exchange.answer(302, { Location: `/model.bin?X-Amz-Signature=${redirected}` }),
  );
  const server = await larder.serve(["--log-level", "debug"]);
  const { json } = await larder.run(
    "token",
    "create",
    "--name",
    "laptop",
    "--scope",
    "read",
    "--scope",
    "pull",
  );
  const token = String(json["token"]);
  const api = new Api(server.url, token);
  const said: string[] = [];
  const tell = async (answer: Promise<unknown>) => said.push(JSON.stringify(await answer));
  const pull = (name: string, url: string) =>
    tell(api.post("/api/models/download", { model: name, urls: [url] }));

  await tell(api.pull({ model: "acme/a", urls: [origin.url(`/model.bin?X-Amz-Signature=${signature}`)] }));
  await tell(api.pull({ model: "acme/b", urls: [origin.url("/moved.bin")] }));
  await tell(api.pull({ model: "acme/c", urls: [origin.url(`/none.bin?token=${signature}`)] }));
  await pull("acme/d", `https://user:${password}@models.example/model.bin`);
  await pull("acme/e", `ftp://models.example/model.bin?token=${signature}`);
  await tell(api.get(`/api/models/library?token=${token}`));
  await tell(api.get("/api/pulls"));
  await tell(api.get("/api/models/acme/a"));
  for (const argv of [["show", "acme/b"], ["pulls"], ["doctor"], ["token", "list"]]) {
    const { stdout, stderr } = await larder.run(...argv);
    said.push(stdout, stderr);
  }
  const address = origin.url(`/none.bin?X-Amz-Signature=${signature}`);
  const failed = await larder.run("pull", "acme/f", address, "--log-level", "debug");
  expect(failed.code).toBe(69);
  said.push(failed.stdout, failed.stderr);
  const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  said.push(await metrics.text());

  const found = await filesWith(larder.home, [signature, redirected, password, token]);
  expect(await server.stop()).toBe(0);
  expect(found).toEqual([]);
  expect(await filesWith(larder.home, [signature, redirected, password, token])).toEqual([]);
  for (const secret of [signature, redirected, password, token]) {
    expect(server.log).not.toContain(secret);
    expect(said.join("\n")).not.toContain(secret);
  }
  // The search itself works: this one is meant to be there, and only there.
  expect(await filesWith(larder.home, [await adminToken(larder)])).toEqual(["admin.token"]);
}, TIMEOUT_MS);

test("S19: whatever the umask is, nothing in the home is for anybody else", async () => {
  await using folder = await tempFolder();
  await using origin = await startOrigin();
  await using larder = await place();
  await Bun.write(`${folder.path}/local.bin`, BYTES.subarray(1));
  const open = { shell: 'umask 000; exec "$@"' };
  const server = await larder.serve([], open);
  const api = new Api(server.url);
  await api.pull({ model: "acme/model", revision: "1", urls: [origin.file("/model.bin", BYTES)] });
  expect((await larder.run("path", "acme/model@1")).code).toBe(0);
  expect((await larder.run("import", `${folder.path}/local.bin`, "acme/local@1")).code).toBe(0);
  expect((await larder.run("token", "create", "--name", "laptop")).code).toBe(0);
  await expectPrivate(larder);
  await server.stop("SIGKILL");
  await expectPrivate(larder);
  expect(await larder.spawn(["list"], open).exited).toBe(0);
  await expectPrivate(larder);
}, TIMEOUT_MS);

async function adminToken(larder: Place): Promise<string> {
  return (await Bun.file(larder.inHome("admin.token")).text()).trim();
}

/** Names of all files below a folder that hold one of these texts. */
async function filesWith(folder: string, texts: readonly string[]): Promise<string[]> {
  const names = Object.entries(await treeOf(folder)).filter(([, what]) => what.startsWith("file"));
  const holds = await Promise.all(names.map(async ([name]) => {
    const bytes = Buffer.from(await Bun.file(`${folder}/${name}`).bytes());
    return texts.some((text) => bytes.includes(text));
  }));
  return names.flatMap(([name], index) => holds[index] ? [name] : []);
}

/** The home lets nobody in, so what is sealed for engines inside it (0444) is not for others either; all else says so itself. */
async function expectPrivate(larder: Place): Promise<void> {
  const tree = await treeOf(larder.path);
  expect(tree["home"]).toBe("folder 700");
  const inside = Object.entries(tree).filter(([name]) => name.startsWith("home/"));
  expect(inside.length).toBeGreaterThan(10);
  const open = inside.filter(([, what]) => !/^\w+ [0-7]00\b/.test(what));
  expect(open.filter(([name, what]) => !/^home\/(blobs|views)\//.test(name) || !what.startsWith("file 444")))
    .toEqual([]);
}
