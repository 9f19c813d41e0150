import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Origin, startOrigin } from "../helpers/origin.ts";
import { failure } from "../net/client.ts";
import { clientOf, TINY } from "./setup.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const INFO = "/api/models/acme/tiny/revision/main";
const TREE = `/api/models/acme/tiny/tree/${COMMIT}`;
const OID = "f".repeat(40);
const FILE = { type: "file", path: "config.json", size: 2, oid: OID };

let origin: Origin;
beforeAll(async () => {
  origin = await startOrigin();
});
beforeEach(() => origin.forget());
afterAll(() => origin.close());

function answerWith(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  origin.on(
    path,
    (exchange) => exchange.answer(200, { "Content-Type": "application/json", ...headers }, text),
  );
}

async function scanError(info: unknown, ...tree: readonly unknown[]): Promise<string> {
  answerWith(INFO, info);
  if (tree.length > 0) answerWith(TREE, tree[0]);
  const error = await failure(clientOf([origin.origin]).scan(TINY));
  expect(error.code).toBe("HUB_ANSWER");
  expect(origin.requestsFor(TREE, "GET").length).toBe(tree.length);
  return error.message;
}

test.each([
  ["a page for people", "<!doctype html><title>Log in</title>"],
  ["broken JSON", '{"sha": "01234'],
  ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]).toString("latin1")],
  ["nothing", ""],
  ["a list", []],
  ["null", null],
  ["no sha", { id: "acme/tiny" }],
  ["a short sha", { id: "acme/tiny", sha: "0123456" }],
  ["a sha in capitals", { id: "acme/tiny", sha: COMMIT.toUpperCase() }],
  ["a name that leads elsewhere", { id: "../../etc", sha: COMMIT }],
  ["a name that is no text", { id: 7, sha: COMMIT }],
])("a commit is told by %s: HUB_ANSWER", (_, info) => scanError(info));

test.each<[string, unknown]>([
  ["a page for people", "<html>"],
  ["an object", { error: "no" }],
  ["a file without a path", [{ ...FILE, path: undefined }]],
  ["a negative size", [{ ...FILE, size: -1 }]],
  ["a fraction of a byte", [{ ...FILE, size: 1.5 }]],
  ["a size beyond exact numbers", `[{"type":"file","path":"a","oid":"${OID}","size":1e300}]`],
  ["a size in words", [{ ...FILE, size: "2" }]],
  ["an oid that is no hexadecimal number", [{ ...FILE, oid: "x".repeat(40) }]],
  ["an oid of another length", [{ ...FILE, oid: "ab" }]],
  ["no oid", [{ ...FILE, oid: undefined }]],
  ["a digest that is none", [{ ...FILE, lfs: { oid: "sha256:abc", size: 2 } }]],
  ["a size of LFS that is none", [{ ...FILE, lfs: { oid: "a".repeat(64), size: -2 } }]],
])("a file is told by %s: HUB_ANSWER", (_, tree) => scanError({ sha: COMMIT }, tree));

test.each([
  ["/etc/passwd", "/etc/passwd"],
  ["../../x", "../../x"],
  ["a//b", "a//b"],
  ["a\\b", "a\\\\b"],
  ["a%2e%2e/b", "a%2e%2e/b"],
  ["a\u0000b", "a\\u0000b"],
  ["a\u202eb", "a\\u202eb"],
  ["", '""'],
])("the path %j is refused by name", async (path, shown) => {
  expect(await scanError({ sha: COMMIT }, [{ ...FILE, path }])).toContain(shown);
});

test("the same path twice is refused by name, on one page and on two", async () => {
  expect(await scanError({ sha: COMMIT }, [FILE, FILE])).toContain('"config.json" twice');
  let pages = 0;
  origin.on(TREE, async (exchange) => {
    const link = { Link: `<${origin.origin}${TREE}?cursor=${++pages}>; rel="next"` };
    await exchange.answer(200, link, JSON.stringify([FILE]));
  });
  expect((await failure(clientOf([origin.origin]).scan(TINY))).message).toContain('"config.json" twice');
  expect(pages).toBe(2);
});

test.each([
  ["itself", () => `${origin.origin}${TREE}?recursive=true&expand=false`],
  ["another origin", () => "http://127.0.0.2:9/api"],
  ["another scheme", () => "file:///etc/passwd"],
])("a next page that is %s is refused", async (_, address) => {
  answerWith(INFO, { sha: COMMIT });
  answerWith(TREE, [], { Link: `<${address()}>; rel="next"` });
  expect((await failure(clientOf([origin.origin]).scan(TINY))).code).toBe("HUB_ANSWER");
  expect(origin.requestsFor(TREE, "GET").length).toBe(1);
});

test("a link may be relative and stand among others", async () => {
  answerWith(INFO, { sha: COMMIT });
  answerWith(TREE, [FILE], { Link: `</other>; rel="prev", <?cursor=b>;rel=next; title="x"` });
  const second = Promise.withResolvers<string>();
  origin.on(TREE, async (exchange) => {
    if (exchange.nth === 0) {
      return await exchange.answer(
        200,
        { Link: `</other>; rel="prev", <?cursor=b>;rel=next` },
        JSON.stringify([FILE]),
      );
    }
    second.resolve(exchange.request.target);
    await exchange.answer(200, {}, JSON.stringify([{ ...FILE, path: "b" }]));
  });
  const { files } = await clientOf([origin.origin]).scan(TINY);
  expect([files.map((file) => file.path), await second.promise]).toEqual([
    ["config.json", "b"],
    `${TREE}?cursor=b`,
  ]);
});

test("an encoding that was not asked for is refused", async () => {
  answerWith(INFO, "anything", { "Content-Encoding": "gzip" });
  expect((await failure(clientOf([origin.origin]).scan(TINY))).code).toBe("HUB_ANSWER");
});

test("a commit that was not asked for is refused", async () => {
  const asked = "a".repeat(40);
  answerWith(`/api/models/acme/tiny/revision/${asked}`, { sha: COMMIT });
  expect((await failure(clientOf([origin.origin]).commitOf(TINY, asked))).code).toBe("HUB_ANSWER");
});

test("what is not needed may be of any form, and texts that could harm a terminal are left out", async () => {
  answerWith(INFO, {
    ...{
      sha: COMMIT,
      private: "yes",
      gated: true,
      pipeline_tag: 7,
      library_name: "\u001b[2J",
      lastModified: "yesterday",
    },
    ...{ tags: ["ok", 7, null, "\u001b[31m", "license:mit"], cardData: "x", somethingNew: { a: 1 } },
  });
  answerWith(TREE, [{ type: "directory", path: "../x", oid: "none" }, { ...FILE, lfs: null, xetHash: "x" }]);
  const { info, files, repo } = await clientOf([origin.origin]).scan(TINY);
  expect(repo).toEqual(TINY);
  expect(files).toEqual([{ path: "config.json", sizeBytes: 2, gitOid: OID }]);
  expect(info).toEqual({
    ...{ pipelineTask: null, libraryName: null, tags: ["ok", "license:mit"], license: "mit" },
    ...{ gated: "manual", private: false, lastModified: null },
  });
});

test("what the hub read of the files itself, and whether it is a larder, are taken over", async () => {
  answerWith(TREE, []);
  answerWith(INFO, {
    sha: COMMIT,
    config: { architectures: ["BertModel"] },
    safetensors: { total: 7, parameters: {} },
  });
  expect(await clientOf([origin.origin]).scan(TINY)).toMatchObject({
    facts: { architecture: "BertModel", parameters: 7, contextLength: null },
    isLarder: false,
  });
  const gguf = { total: 9, architecture: "llama", context_length: 512 };
  answerWith(INFO, { sha: COMMIT, gguf, larder: { chunk_bytes: 5 * 1024 * 1024 } });
  expect(await clientOf([origin.origin]).scan(TINY)).toMatchObject({
    facts: { architecture: "llama", parameters: 9, contextLength: 512 },
    isLarder: true,
  });
  answerWith(INFO, {
    sha: COMMIT,
    gguf: { total: -1, context_length: "x" },
    config: [],
    larder: { chunk_bytes: 1 },
  });
  expect(await clientOf([origin.origin]).scan(TINY)).toMatchObject({
    facts: { architecture: null, parameters: null, contextLength: null },
    isLarder: false,
  });
});

test("refusals without a code are read by what was asked for", async () => {
  origin.on(INFO, (exchange) => exchange.answer(404, {}, "<html>"));
  const client = clientOf([origin.origin]);
  expect((await failure(client.scan(TINY))).code).toBe("REPO_NOT_FOUND");
  expect((await failure(client.read({ repo: TINY, commit: COMMIT }, "x"))).code).toBe("HUB_FILE_NOT_FOUND");
  origin.on(INFO, (exchange) => exchange.answer(403, {}, "no"));
  expect((await failure(client.scan(TINY))).code).toBe("UPSTREAM_FORBIDDEN");
  origin.on(INFO, (exchange) => exchange.answer(418, {}, "short"));
  expect((await failure(client.scan(TINY))).code).toBe("UPSTREAM_STATUS");
});

test("a 401 of a place that the hub sent us to says nothing of the repository", async () => {
  await using cdn = await startOrigin();
  cdn.on("/signed", (exchange) => exchange.answer(401));
  origin.on(
    `/acme/tiny/resolve/${COMMIT}/x`,
    (exchange) => exchange.answer(302, { Location: cdn.url("/signed") }),
  );
  const error = await failure(clientOf([origin.origin]).read({ repo: TINY, commit: COMMIT }, "x"));
  expect(error.code).toBe("UPSTREAM_UNAUTHORIZED");
});
