import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Hub, type Repository, startHub } from "./hub.ts";
import { generateFiles } from "./model-files.ts";

let hub: Hub;
let nowMs = Date.UTC(2024, 0, 1);
let count = 0;

beforeAll(async () => {
  hub = await startHub({ pageFiles: 100, now: () => nowMs });
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

function fresh(kind?: "dataset" | "space"): Repository {
  return hub.repository({ id: `acme/r${count++}`, ...(kind === undefined ? {} : { kind }) });
}

// deno-lint-ignore no-explicit-any -- what a test expects of it is the test's to say
async function json(path: string, init?: RequestInit): Promise<any> {
  return await (await fetch(hub.endpoint + path, init)).json();
}

function shaOf(repo: Repository, revision: string): Promise<string> {
  return json(`/api/models/${repo.id}/revision/${revision}`).then((info) => info.sha);
}

test("commits are derived from content and parent, and a tree is new unless it keeps the last", async () => {
  const [one, other] = [fresh(), fresh()];
  const first = one.commit({ "a": "1", "b": "2" });
  expect(first).toMatch(/^[0-9a-f]{40}$/);
  expect(other.commit({ "b": "2", "a": "1" })).toBe(first);
  expect(other.commit({ "c": "3" })).not.toBe(one.commit({ "c": "4" }, { keep: true }));
  const paths = async (repo: Repository) =>
    (await json(`/api/models/${repo.id}/tree/main`)).map((entry: { path: string }) => entry.path);
  expect([await paths(one), await paths(other)]).toEqual([["a", "b", "c"], ["c"]]);
});

test("revisions: HEAD, branches, tags and pull requests, raw and encoded; a commit stays readable", async () => {
  const repo = fresh();
  const first = repo.commit({ "a/b.txt": "1" });
  repo.tag("v1.0");
  const pull = repo.commit({ "a/b.txt": "2" }, { branch: "refs/pr/1" });
  const feature = repo.commit({ "a/b.txt": "3" }, { branch: "feature/x" });
  const second = repo.commit({ "a/b.txt": "4" });
  const expected = {
    "HEAD": second,
    "main": second,
    "refs%2Fheads%2Fmain": second,
    "v1.0": first,
    "refs/pr/1": pull,
    "refs%2Fpr%2F1": pull,
    "feature/x": feature,
    [first]: first,
  };
  for (const [revision, commit] of Object.entries(expected)) {
    expect([revision, await shaOf(repo, revision)]).toEqual([revision, commit]);
    const file = await fetch(`${hub.endpoint}/${repo.id}/resolve/${revision}/a/b.txt`);
    expect([file.status, file.headers.get("X-Repo-Commit")]).toEqual([200, commit]);
  }
  expect(await (await fetch(`${hub.endpoint}/${repo.id}/resolve/refs/pr/1/a/b.txt`)).text()).toBe("2");
  expect((await json(`/api/models/${repo.id}/tree/refs%2Fpr%2F1/a`))[0].path).toBe("a/b.txt");
  expect(await json(`/api/models/${repo.id}/refs?include_prs=1`)).toEqual({
    branches: [
      { name: "main", ref: "refs/heads/main", targetCommit: second },
      { name: "feature/x", ref: "refs/heads/feature/x", targetCommit: feature },
    ],
    converts: [],
    tags: [{ name: "v1.0", ref: "refs/tags/v1.0", targetCommit: first }],
    pullRequests: [{ name: "1", ref: "refs/pr/1", targetCommit: pull }],
  });
  repo.move("main", "v1.0");
  expect(await shaOf(repo, "main")).toBe(first);
});

test("a tree comes in pages whose links are absolute and keep the query", async () => {
  const repo = fresh();
  repo.commit(generateFiles({ count: 250, sizeBytes: 10 }));
  const seen: string[] = [];
  const links: string[] = [];
  let next: string | undefined = `${hub.endpoint}/api/models/${repo.id}/tree/main?recursive=True`;
  while (next !== undefined) {
    const response: Response = await fetch(next);
    seen.push(...(await response.json() as { path: string }[]).map((entry) => entry.path));
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("Link") ?? "")?.[1];
    if (next !== undefined) links.push(next);
  }
  expect([seen.length, new Set(seen).size, links.length]).toEqual([251, 251, 2]);
  expect(links.every((link) => link.startsWith(`${hub.endpoint}/api/`) && link.includes("recursive=True")))
    .toBe(true);
});

test("expand tells which commit changed a file last, paths-info also by form", async () => {
  const repo = fresh();
  const first = repo.commit({ "a": "1", "b": "1" }, { title: "Begin" });
  nowMs += 1000;
  const second = repo.commit({ "b": "2" }, { keep: true });
  const path = `/api/models/${repo.id}/paths-info/main`;
  const body = new URLSearchParams([["paths", "b"], ["paths", "a"], ["paths", "none"], ["expand", "true"]]);
  const [b, a, ...others] = await json(path, { method: "POST", body });
  expect([a.lastCommit, b.lastCommit.id, others]).toEqual([
    { id: first, title: "Begin", date: "2024-01-01T00:00:00.000Z" },
    second,
    [],
  ]);
  expect(a.securityFileStatus.status).toBe("safe");
  const byJson = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"paths":["a"]}' };
  expect((await json(path, byJson))[0].lastCommit).toBeUndefined();
});

test("datasets and spaces have their own prefixes and names", async () => {
  for (const kind of ["dataset", "space"] as const) {
    const repo = fresh(kind);
    const commit = repo.commit({ "d.csv": "1,2", "m.bin": "0" });
    expect((await json(`/api/${kind}s/${repo.id}`)).sha).toBe(commit);
    expect(repo.resolvePath("d.csv")).toBe(`/${kind}s/${repo.id}/resolve/main/d.csv`);
    for (const [path, content] of [["d.csv", "1,2"], ["m.bin", "0"]] as const) {
      expect(await (await fetch(hub.endpoint + repo.resolvePath(path))).text()).toBe(content);
    }
    expect((await fetch(`${hub.endpoint}/api/models/${repo.id}`)).status).toBe(401);
  }
});

test("former names, legacy names and other letter case lead to the name by a relative 307 with the query", async () => {
  const repo = hub.repository({ id: "old" });
  const commit = repo.commit({ "a b.txt": "1" });
  hub.rename("old", "acme/New");
  for (const name of ["old", "OLD", "acme/new"]) {
    const tree = await fetch(`${hub.endpoint}/api/models/${name}/tree/main?recursive=true`, {
      redirect: "manual",
    });
    expect([tree.status, tree.headers.get("Location")]).toEqual([
      307,
      "/api/models/acme/New/tree/main?recursive=true",
    ]);
    const file = await fetch(`${hub.endpoint}/${name}/resolve/main/a%20b.txt`);
    expect([await file.text(), file.headers.get("X-Repo-Commit")]).toEqual(["1", commit]);
  }
  hub.rename("acme/New", "acme/newest");
  expect((await fetch(`${hub.endpoint}/api/models/old`)).url).toEndWith("/api/models/acme/newest");
});

test("a branch moves while a client is between listing and file", async () => {
  const repo = fresh();
  const first = repo.commit({ "a": "1" });
  const listed = await shaOf(repo, "main");
  repo.commit({ "a": "2" });
  const file = async (revision: string) =>
    await (await fetch(hub.endpoint + repo.resolvePath("a", revision))).text();
  expect([listed, await file("main"), await file(listed)]).toEqual([first, "2", "1"]);
});
