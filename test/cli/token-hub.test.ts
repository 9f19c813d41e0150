import { expect, test } from "bun:test";
import type { HubTokenSource, LarderApi } from "../../src/library/index.ts";
import { HiddenLine } from "../../src/cli/read-secret.ts";
import { larder } from "./harness.ts";

const CANARY = "hf_c4naryS3cret";

/** A home that notes what it is told, and says where the token in force is from. */
function home(source: HubTokenSource | null, told: unknown[] = []): Partial<LarderApi> {
  const view = { source, origin: "https://hub.example" };
  return {
    hubToken: () => Promise.resolve(view),
    setHubToken: (token) => (told.push(token), Promise.resolve(view)),
  };
}

test.each<[HubTokenSource | null, string]>([
  ["environment", "the environment (LARDER_HUB_TOKEN or HF_TOKEN)"],
  ["larder", "this home (larder token hub --set)"],
  ["hub-tools", "the file of the hub's own tools"],
  [null, "nowhere: only what is public can be pulled"],
])("token hub shows the source %p and the only origin", async (source, shown) => {
  const { code, stdout, stderr } = await larder(["token", "hub"], { api: home(source) });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(`token from: ${shown}\nsent to:    https://hub.example only\n`);
  const { documents } = await larder(["token", "hub", "--json"], { api: home(source) });
  expect(documents).toEqual([{ source, origin: "https://hub.example" }]);
});

test("--set takes the token from standard input and shows it nowhere", async () => {
  const told: unknown[] = [];
  for (const argv of [["token", "hub", "--set"], ["token", "hub", "--set", "--json"]]) {
    const { code, stdout, stderr } = await larder(argv, { api: home("larder", told), stdin: `${CANARY}\n` });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(CANARY);
  }
  expect(told).toEqual([CANARY, CANARY]);
});

test("on a terminal it is asked for, and the terminal does not show it", async () => {
  const told: unknown[] = [];
  const { code, stdout, stderr, rawModes } = await larder(["token", "hub", "--set"], {
    api: home("larder", told),
    terminal: true,
    typed: `${CANARY}x\u007f\r`,
  });
  expect([code, told, [...rawModes]]).toEqual([0, [CANARY], [true, false]]);
  expect(stderr).toBe("Token for the hub (not shown): \n");
  expect(stdout + stderr).not.toContain("c4nary");
});

test.each(["hf_abc\u0003", "hf_abc\u0004"])(
  "%j on the terminal leaves everything as it is",
  async (typed) => {
    const told: unknown[] = [];
    const { code, rawModes } = await larder(["token", "hub", "--set"], { api: home("larder", told), typed });
    expect([code, told, [...rawModes]]).toEqual([1, [], [true, false]]);
  },
);

test("a signal while it is asked gives the terminal back", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort("SIGTERM"), 5);
  const { code, rawModes } = await larder(["token", "hub", "--set"], {
    api: home("larder"),
    typed: "hf_",
    signal: stop.signal,
  });
  expect([code, [...rawModes]]).toEqual([143, [true, false]]);
});

test.each(["", " \n", `${CANARY} ${CANARY}`, `${CANARY}\n${CANARY}\n`, "x".repeat(100_000)])(
  "standard input without one token is refused (%#)",
  async (stdin) => {
    const told: unknown[] = [];
    const { code, stdout, stderr } = await larder(["token", "hub", "--set"], {
      api: home("larder", told),
      stdin,
    });
    expect([code, stdout, told]).toEqual([2, "", []]);
    expect(stderr).not.toContain(CANARY);
  },
);

test("--remove forgets it, and a token that is in force all the same is named", async () => {
  const told: unknown[] = [];
  expect((await larder(["token", "hub", "--remove"], { api: home(null, told) })).stderr).toBe("");
  const { stderr } = await larder(["token", "hub", "--remove"], { api: home("hub-tools", told) });
  expect(stderr).toBe(
    "larder: What was kept here is forgotten; the token now comes from the file of the hub's own tools.\n",
  );
  expect(told).toEqual([null, null]);
});

test("a token that is kept but not in force is told of", async () => {
  const { stderr } = await larder(["token", "hub", "--set"], { api: home("environment"), stdin: "hf_a" });
  expect(stderr).toBe(
    "larder: The token is kept, but that of the environment (LARDER_HUB_TOKEN or HF_TOKEN) comes first.\n",
  );
});

test.each(
  [
    ["hf_a\r", "hf_a", "done"],
    ["hf_a\n", "hf_a", "done"],
    ["hf_b\b\u007f\u007f_c\r", "h_c", "done"],
    ["\u001b[200~hf_a\u001b[201~\r", "hf_a", "done"],
    ["\u001b[D\u001bOChf_a\r", "hf_a", "done"],
    ["hf_a", "hf_a", undefined],
    ["hf\u0003", "hf", "cancel"],
    ["\u007f\u0004", "", "cancel"],
  ] as const,
)("HiddenLine takes %j for %j", (keys, text, end) => {
  const line = new HiddenLine();
  expect([line.type(keys), line.text]).toEqual([end, text]);
});
