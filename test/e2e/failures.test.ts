import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { place } from "../helpers/executable.ts";
import { closedPort, type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { digestOf } from "../helpers/digest.ts";

const TIMEOUT_MS = 60_000;
const BYTES = pseudoRandomBytes(4, 100_000);
const WRONG = "0".repeat(64);

/** What a user gets wrong or an upstream does: the verb, its exit code and the code in its JSON. */
function mistakes(origin: Origin, refused: string): ReadonlyArray<readonly [string[], number, string]> {
  const good = origin.file("/model.bin", BYTES);
  return [
    [["pull", "acme/a@1", good, "--sha256", WRONG], 76, "DIGEST_MISMATCH"],
    [["pull", "acme/a@1", good, "--size", "99999"], 76, "SIZE_MISMATCH"],
    [["pull", "acme/a@1", refused], 69, "UPSTREAM_UNREACHABLE"],
    [["pull", "acme/a@1", origin.url("/none.bin")], 69, "UPSTREAM_NOT_FOUND"],
    [["pull", "../a@1", good], 2, "BAD_NAME"],
    [["pull", "acme/a@1@2", good], 2, "BAD_NAME"],
    [["pull", "acme/a@1", good, "--sha256", "xyz"], 2, "BAD_DIGEST"],
    [["pull", "acme/a@1", "ftp://models.example/a.bin"], 2, "BAD_SOURCE"],
    [["pull", "acme/a@1", good, "--file", "../../etc/passwd"], 2, "BAD_PATH"],
    [["pull", "acme/a@1", "--offline"], 69, "OFFLINE"],
    [["pull", "acme/a@1", good, "--fallback", "smaller"], 2, "USAGE"],
    [["pull", "acme/a@1", "http://10.0.0.1/a.bin"], 77, "SSRF_BLOCKED"],
    [["show", "acme/none"], 1, "MODEL_NOT_FOUND"],
    [["token", "remove", "none"], 1, "TOKEN_NOT_FOUND"],
    [["list", "--wait", "soon"], 78, "CONFIG"],
  ];
}

for (const withServer of [false, true]) {
  const where = withServer ? "through a server" : "alone";
  test(`every failure has its exit code, its code and a hint, ${where}`, async () => {
    await using origin = await startOrigin();
    await using larder = await place();
    if (withServer) await larder.serve(["--connect-s", "1", "--tries", "2"]);
    const refused = `http://127.0.0.1:${await closedPort()}/a.bin`;
    const quick = { env: { LARDER_TRIES: "2", LARDER_CONNECT_S: "1" } };
    for (const [argv, code, error] of mistakes(origin, refused)) {
      const result = await larder.runWith(quick, ...argv);
      expect([argv, result.code, result.json]).toMatchObject([argv, code, { error: { code: error } }]);
      expect([argv, (result.json["error"] as { hint?: string }).hint ?? "no hint"]).not.toEqual([
        argv,
        "no hint",
      ]);
      expect(result.stderr).toMatch(/^larder: Cannot /m);
    }
    expect((await larder.run("list")).json).toMatchObject({ models: [] });
    const pulled = await larder.run(
      "pull",
      "acme/a@1",
      origin.url("/model.bin"),
      "--sha256",
      digestOf(BYTES),
    );
    expect(pulled).toMatchObject({ code: 0, json: { state: "done" } });
  }, TIMEOUT_MS);
}

test("wrong use exits 2 and says what is right", async () => {
  await using larder = await place();
  for (
    const argv of [["pul"], ["pull"], ["pull", "--nonsense", "x"], ["pulls", "limit", "--rate", "fast"], [
      "show",
    ]]
  ) {
    const { code, stderr } = await larder.run(...argv);
    expect([argv, code]).toEqual([argv, 2]);
    expect(stderr).not.toBe("");
  }
  await rm(larder.home, { recursive: true, force: true });
  expect(await larder.run("version")).toMatchObject({ code: 0 });
  expect(await Bun.file(larder.inHome("lock")).exists()).toBe(false);
}, TIMEOUT_MS);
