import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Place, place } from "../helpers/executable.ts";
import { type Hub, startHub } from "../helpers/hub.ts";

const CANARY = "hf_canaryCanaryCanaryCanaryCanaryCanary";
const UNKNOWN = "hf_unknownUnknownUnknownUnknownUnknown";

let hub: Hub;
let larder: Place;
beforeAll(async () => {
  hub = await startHub({ tokens: { [CANARY]: { name: "ann", grants: [] } } });
  const files = { "config.json": "{}\n", "tiny.Q8_0.gguf": "not really" };
  hub.repository({ id: "acme/tiny" }).commit(files);
  hub.repository({ id: "acme/gated", gated: "manual" }).commit(files);
  hub.repository({ id: "acme/private", private: true }).commit(files);
  hub.repository({ id: "acme/disabled", disabled: true }).commit(files);
  larder = await place();
}, 60_000);
afterAll(async () => {
  await larder[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});

interface Case {
  readonly what: string;
  readonly argv: readonly string[];
  readonly token?: string;
  readonly code: string;
  readonly exit: number;
  /** What the hint tells to do. */
  readonly hint: RegExp;
}

// Codes, exits and what to do are written here by hand, from what the hub means by each answer.
const CASES: readonly Case[] = [
  { what: "gated, no token", argv: ["acme/gated"], code: "HUB_GATED", exit: 77, hint: /token/i },
  {
    what: "gated, a token without access",
    argv: ["acme/gated"],
    token: CANARY,
    code: "HUB_GATED",
    exit: 77,
    hint: /ask|accept/i,
  },
  {
    what: "a token that the hub does not know",
    argv: ["acme/tiny"],
    token: UNKNOWN,
    code: "HUB_TOKEN_INVALID",
    exit: 77,
    hint: /valid token/i,
  },
  {
    what: "missing, anonymous",
    argv: ["acme/none"],
    code: "REPO_NOT_FOUND",
    exit: 1,
    hint: /private.*token/i,
  },
  {
    what: "private, anonymous",
    argv: ["acme/private"],
    code: "REPO_NOT_FOUND",
    exit: 1,
    hint: /private.*token/i,
  },
  {
    what: "missing, with a token",
    argv: ["acme/none"],
    token: CANARY,
    code: "REPO_NOT_FOUND",
    exit: 1,
    hint: /name/i,
  },
  {
    what: "private, with a token without access",
    argv: ["acme/private"],
    token: CANARY,
    code: "REPO_NOT_FOUND",
    exit: 1,
    hint: /name/i,
  },
  {
    what: "no such revision",
    argv: ["acme/tiny@nope"],
    code: "REVISION_NOT_FOUND",
    exit: 1,
    hint: /branch|tag/i,
  },
  {
    what: "no such file",
    argv: ["acme/tiny", "--files", "missing.bin"],
    code: "HUB_FILE_NOT_FOUND",
    exit: 1,
    hint: /scan/i,
  },
  { what: "disabled", argv: ["acme/disabled"], code: "REPO_DISABLED", exit: 77, hint: /another/i },
];

for (const { what, argv, token, code, exit, hint } of CASES) {
  test(`${what}: ${code}, exit ${exit}, and what to do`, async () => {
    const env = { HF_ENDPOINT: hub.endpoint, ...(token === undefined ? {} : { HF_TOKEN: token }) };
    const result = await larder.runWith({ env }, "pull", ...argv);
    const error = (result.json["error"] ?? result.json) as Record<string, string>;
    expect([result.code, error["code"]]).toEqual([exit, code]);
    expect(error["hint"]).toMatch(hint);
    expect(result.stdout + result.stderr).not.toContain("hf_");
    expect(hub.leakedTokens).toEqual([]);
  });
}

test("rate limited: waits as long as the hub says, then goes on", async () => {
  hub.rateLimit({ count: 1, retryAfterS: 1 });
  const startedMs = performance.now();
  const { code, json } = await larder.runWith({ env: { HF_ENDPOINT: hub.endpoint } }, "pull", "acme/tiny");
  expect([code, json["state"]]).toEqual([0, "done"]);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1000);
});
