import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";

const SECRET = "c4nary-s3cret";
const NEWER = { inspectRegistry: () => ({ state: "sound", schema: 2, schemaKnown: 1 }) as const };

test("doctor shows settings with their sources, the owner and the schema, as JSON and as text", async () => {
  await using home = await tempFolder();
  const owner = { pid: process.pid, verb: "serve", started_at: 1_700_000_000 };
  await Bun.write(join(home.path, "owner.json"), JSON.stringify(owner));
  const options = { parts: NEWER, env: { LARDER_PORT: "7777" } };
  const { code, documents } = await larder(["doctor", "--json", "--home", home.path], options);
  expect(code).toBe(0);
  expect(documents[0]).toMatchObject({
    config: {
      port: { value: 7777, source: "env" },
      home: { value: home.path, source: "flag" },
      host: { value: "127.0.0.1", source: "default" },
    },
    home: { exists: true, mode: "700", writable: true, owner },
    registry: { state: "sound", schema: 2, schema_known: 1 },
    server: { listens: false },
  });
  const { stdout } = await larder(["doctor", "--home", home.path], options);
  expect(stdout).toContain(`larder serve, process ${process.pid}, since`);
  expect(stdout).toMatch(/port +7777 +env/);
});

test("P10: what a killed owner noted is not taken for an owner", async () => {
  await using home = await tempFolder();
  const child = Bun.spawn(["true"]);
  await child.exited;
  await Bun.write(
    join(home.path, "owner.json"),
    JSON.stringify({ pid: child.pid, verb: "serve", started_at: 1 }),
  );
  const { documents } = await larder(["doctor", "--json", "--home", home.path]);
  expect(documents[0]).toMatchObject({ home: { owner: null } });
});

test("doctor makes nothing", async () => {
  await using folder = await tempFolder();
  const home = join(folder.path, "not", "there");
  const { code, documents } = await larder(["doctor", "--json", "--home", home]);
  expect(code).toBe(0);
  expect(documents[0]).toMatchObject({
    home: { exists: false, mode: null, disk: { total_bytes: expect.any(Number) } },
  });
  expect(await Array.fromAsync(new Bun.Glob("**").scan({ cwd: folder.path, onlyFiles: false }))).toEqual([]);
});

test("P25: hostile variables are warned of, and no value is shown", async () => {
  const env = {
    BUN_OPTIONS: `--preload /tmp/${SECRET}`,
    BUN_BE_BUN: "1",
    https_proxy: `http://user:${SECRET}@proxy.example`,
    PORT: "1",
    LARDER_TOKEN: SECRET,
  };
  for (const argv of [["doctor"], ["doctor", "--json"]]) {
    const { stdout, stderr } = await larder(argv, { env });
    expect(stdout + stderr).not.toContain(SECRET);
    for (const name of ["BUN_OPTIONS", "BUN_BE_BUN", "https_proxy", "PORT "]) expect(stdout).toContain(name);
  }
});

test("what is wrong with home, registry and address is said", async () => {
  await using home = await tempFolder();
  await chmod(home.path, 0o755);
  const argv = ["doctor", "--json", "--home", home.path];
  const { documents } = await larder(argv, { parts: NEWER, env: { LARDER_HOST: "0.0.0.0" } });
  const warnings = (documents[0]?.["warnings"] as string[]).join("\n");
  for (const part of ["mode 755", "newer larder", "all interfaces"]) expect(warnings).toContain(part);
});

test("a home whose socket cannot have a name is warned of", async () => {
  const { documents } = await larder(["doctor", "--json", "--home", `/${"x".repeat(107)}`]);
  expect((documents[0]?.["warnings"] as string[]).join("\n")).toContain("shorter home");
});

/** Without those of the machine that the test runs on. */
function hubWarnings(documents: readonly Record<string, unknown>[]): string[] {
  return (documents[0]?.["warnings"] as string[]).filter((text) => /hub|HF_/i.test(text));
}

test("the settings of the hub are shown with the variable that gave them, and of the token only that it is set", async () => {
  await using folder = await tempFolder();
  await Bun.write(join(folder.path, "token"), SECRET);
  const env = {
    HF_HOME: folder.path,
    HF_TOKEN: SECRET,
    LARDER_HUB_ENDPOINT: "https://hub.example",
    HF_HUB_OFFLINE: "1",
  };
  const { documents, stdout } = await larder(["doctor", "--json"], { env });
  expect(documents[0]).toMatchObject({
    config: {
      hub_endpoint: { value: "https://hub.example", source: "env", variable: "LARDER_HUB_ENDPOINT" },
      hub_token: { value: "set", source: "env", variable: "HF_TOKEN" },
      offline: { value: true, source: "env", variable: "HF_HUB_OFFLINE" },
      hub_port: { value: 7421, source: "default" },
      memory_bytes: { value: 0, source: "default" },
    },
    hub_tools: {
      token: { path: join(folder.path, "token"), exists: true },
      cache: { path: join(folder.path, "hub"), exists: false },
    },
  });
  expect(hubWarnings(documents)).toEqual([]);
  const text = await larder(["doctor"], { env });
  expect(text.stdout).toMatch(/hub_token +set +env HF_TOKEN\n/);
  expect(text.stdout).toMatch(/hub_endpoint +https:\/\/hub\.example +env LARDER_HUB_ENDPOINT\n/);
  expect(text.stdout).toContain(`hub tools' token: ${join(folder.path, "token")} (there)`);
  expect(stdout + text.stdout + text.stderr).not.toContain(SECRET);
  expect((await larder(["doctor"])).stdout).toMatch(/hub_token +not set +default\n/);
});

test.each<[Record<string, string>, string]>([
  [{ HF_ENDPOINT: "http://127.0.0.1:7421" }, "the hub is https://huggingface.co."],
  [{ HF_ENDPOINT: "http://hub.example:8080" }, "plain http"],
  [{ LARDER_HUB_HOST: "0.0.0.0" }, "Clients of the hub are answered on all interfaces"],
  [{ HUGGING_FACE_HUB_TOKEN: SECRET }, "HUGGING_FACE_HUB_TOKEN is set and has no effect"],
])("doctor warns of %j", async (env, part) => {
  const { documents } = await larder(["doctor", "--json"], { env });
  expect(hubWarnings(documents)).toEqual([expect.stringContaining(part)]);
});

test.each(["http://127.0.0.1:9000", "https://hub.example"])(
  "doctor has nothing against the hub %s",
  async (HF_ENDPOINT) => {
    const { documents } = await larder(["doctor", "--json"], { env: { HF_ENDPOINT } });
    expect(hubWarnings(documents)).toEqual([]);
  },
);
