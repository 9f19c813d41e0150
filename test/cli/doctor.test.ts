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
