import { expect, test } from "bun:test";
import { buildProgram } from "../../src/cli/program.ts";
import { Cli } from "../../src/cli/verb.ts";
import { larder } from "./harness.ts";

const VERBS = [
  ...[
    "alias",
    "budget",
    "clear",
    "doctor",
    "gc",
    "import",
    "list",
    "load",
    "options",
    "path",
    "pin",
    "predict",
    "preload",
    "ps",
    "pull",
    "pulls",
    "reload",
    "remove",
    "repair",
    "scan",
    "scrub",
    "serve",
    "show",
    "stats",
  ],
  ...["token", "tune", "unload", "unpin", "verify", "version", "watched"],
];

/** Every command that a user can type, such as `pulls watch`. */
function commandLines(): string[][] {
  const program = buildProgram(new Cli({} as never));
  const walk = (command: typeof program, before: string[]): string[][] =>
    command.commands.flatMap((
      one,
    ) => [[...before, one.name()], ...walk(one as typeof program, [...before, one.name()])]);
  return walk(program, []);
}

test("the verbs are those of the design", () => {
  expect(commandLines().filter((line) => line.length === 1).flat().sort()).toEqual(VERBS);
});

test.each(commandLines().map((line) => [line.join(" "), line] as const))(
  "`larder %s --help` shows an example and --json",
  async (name, line) => {
    const { code, stdout } = await larder([...line, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n(?:  .*\\n)*  .*larder ${name}`));
    expect(stdout).toContain("--json");
    expect(stdout).toContain("--home");
  },
);

test("the help of the program names the exit codes", async () => {
  const { code, stdout } = await larder(["--help"]);
  expect(code).toBe(0);
  for (const exit of ["69", "73", "75", "76", "77", "78"]) expect(stdout).toContain(exit);
});

test.each([
  [[]],
  [["frobnicate"]],
  [["list", "--nonsense"]],
  [["show"]],
  [["show", "a", "b"]],
  [["token"]],
  [["token", "create"]],
  [["token", "create", "--name", "x", "--scope", "root"]],
  [["import", "x", "iris", "--mode", "move"]],
  [["list", "--limit", "0"]],
  [["gc", "--grace", "soon"]],
  [["import"]],
  [["import", "x"]],
  [["import", "x", "iris", "--model", "acme/tiny"]],
  [["import", "--hf-cache", "/c", "x"]],
  [["import", "--hf-cache", "--sha256", "00"]],
  [["import", "--hf-cache", "--metric", "f1=1"]],
  [["alias", "best", "iris"]],
  [["alias", "best", "iris", "f1", "--better", "best"]],
  [["import", "--hf-cache", "--model", "../x"]],
  [["scan"]],
  [["scan", "acme/tiny:q4"]],
  [["scan", "acme/tiny@v1", "--revision", "v2"]],
  [["path", "iris", "--layout", "ollama"]],
  [["token", "hub", "--set", "--remove"]],
  [["predict", "iris"]],
  [["predict", "iris", "[[1]]", "--input", "x.json"]],
  [["predict", "iris", "[[1]"]],
  [["predict", "iris", "5"]],
  [["predict", "iris", "null"]],
  [["predict", "../iris", "[[1]]"]],
  [["predict", "iris", "--input", "/nonexistent.json"]],
  [["load"]],
  [["pin", "iris@../1"]],
  [["reload", "iris", "--probe", "x"]],
])("wrong use %j exits with 2, one line of what and one of help", async (argv) => {
  const { code, stdout, stderr } = await larder(argv);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^larder: Cannot .*\nlarder: .*\n$/);
});

test("with --json a failure is the last document of stdout", async () => {
  const { code, documents } = await larder(["list", "--nonsense", "--json"]);
  expect(code).toBe(2);
  expect(documents.at(-1)).toMatchObject({
    error: { code: "USAGE", hint: expect.stringContaining("--help") },
  });
});

test("an unknown setting exits with 78 and names it", async () => {
  const { code, stderr } = await larder(["list"], { env: { LARDER_PROT: "1" } });
  expect(code).toBe(78);
  expect(stderr).toContain("LARDER_PROT");
});

test("version answers whatever the settings are", async () => {
  const { code, documents } = await larder(["version", "--json"], { env: { LARDER_PORT: "wrong" } });
  expect(code).toBe(0);
  expect(documents).toEqual([expect.objectContaining({ version: "0.0.0-source", bun: "1.4.5" })]);
});

test("a bug is a short line for the user and no stack", async () => {
  const api = { listTokens: () => Promise.reject(new TypeError("undefined is not a function")) };
  const { code, stderr, documents } = await larder(["token", "list", "--json"], { api });
  expect(code).toBe(1);
  expect(stderr).toBe("larder: Cannot finish: an error inside larder\n");
  expect(documents).toEqual([{ error: expect.objectContaining({ code: "INTERNAL" }) }]);
});

test.each([
  [["pull", "acme/tiny", "--hub-token", "hf_c4nary"], 78],
  [["serve", "--hub-token=hf_c4nary"], 78],
  [["token", "hub", "hf_c4nary"], 2],
  [["token", "hub", "--set", "hf_c4nary"], 2],
  [["token", "hub", "--set=hf_c4nary"], 2],
  [["token", "hub", "--tok=hf_c4nary"], 2],
])("a token on the command line %j is refused and not repeated", async (argv, exit) => {
  for (const options of [argv, [...argv, "--json"]]) {
    const { code, stdout, stderr } = await larder(options);
    expect(code).toBe(exit);
    expect(stderr).toMatch(/^larder: Cannot .*\nlarder: .*\n$/);
    expect(stdout + stderr).not.toContain("c4nary");
  }
});

test("--hub-token is in no help", async () => {
  for (const argv of [["--help"], ["serve", "--help"], ["pull", "--help"]]) {
    expect((await larder(argv)).stdout).not.toContain("--hub-token");
  }
  expect((await larder(["serve", "--help"])).stdout).toMatch(/--offline +never ask the hub/);
});
