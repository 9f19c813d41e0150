import { describe, expect, test } from "bun:test";
import { CONFIG_KEYS, parseBytes } from "../../src/config/index.ts";
import { failure, FILE, load } from "./loading.ts";

describe("shares of the disk", () => {
  test.each<[string, number | string]>([
    ["0", 0],
    ["50GB", 50e9],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["80%", "80%"],
    ["12.50 %", "12.5%"],
    ["100%", "100%"],
  ])("%s", (given, value) => {
    expect(load({ env: { LARDER_DISK_BYTES_MAX: given } }).diskBytesMax as unknown).toBe(value);
  });

  test.each(["-1", "101%", "%", "80 percent", "many"])("%s is refused", (given) => {
    const { code, field } = failure(() => load({ env: { LARDER_DISK_FREE_MIN: given } }));
    expect<unknown[]>([code, field]).toEqual(["CONFIG", "disk_free_min"]);
  });

  test("are numbers in the file too", () => {
    const config = load({ files: { [FILE]: 'disk_bytes_max = 1000\nincoming_bytes_max = "5%"\n' } });
    expect([config.diskBytesMax, config.incomingBytesMax] as unknown[]).toEqual([1000, "5%"]);
  });

  test("there is no budget by default, and a quota for partial downloads", () => {
    expect(load()).toMatchObject({
      ...{ diskBytesMax: 0, diskFreeMin: 0, diskPolicy: "oldest" },
      ...{ incomingMaxAgeS: 604_800, incomingBytesMax: "20%" },
    });
  });
});

describe("loadConfig()", () => {
  test("has the documented defaults, frozen", () => {
    const config = load();
    expect(config).toMatchObject({
      home: "/home/ada/.cache/larder",
      host: "127.0.0.1",
      port: 7420,
      allowOrigins: [],
      logFormat: "json",
      pullsAtOnce: 3,
      connectionsPerPull: 4,
      rateBytesPerS: 0,
      bodyBytesMax: 1_048_576,
      inferBodyBytesMax: 67_108_864,
      configFile: undefined,
    });
    expect(config.sources.port).toBe("default");
    expect(Object.isFrozen(config) && Object.isFrozen(config.allowOrigins) && Object.isFrozen(config.sources))
      .toBe(true);
  });

  test("takes flags over environment over file over defaults and says which", () => {
    const config = load({
      flags: { port: "1", json: true },
      env: { LARDER_PORT: "2", LARDER_HOST: "::1" },
      files: { [FILE]: 'port = 3\nhost = "10.0.0.1"\ntries = 9\n' },
    });
    expect([config.port, config.host, config.tries, config.pullsAtOnce]).toEqual([1, "::1", 9, 3]);
    const { port, host, tries, pullsAtOnce } = config.sources;
    expect([port, host, tries, pullsAtOnce]).toEqual(["flag", "env", "file", "default"]);
    expect(config.configFile).toBe(FILE);
  });

  test("writes text logs on a terminal", () => {
    expect(load({ isTerminal: true }).logFormat).toBe("text");
    expect(load({ isTerminal: true, env: { LARDER_LOG_FORMAT: "json" } }).logFormat).toBe("json");
  });

  test("follows the XDG folders when they are absolute", () => {
    expect(load({ env: { XDG_CACHE_HOME: "/c" } }).home).toBe("/c/larder");
    expect(load({ env: { XDG_CACHE_HOME: "c" } }).home).toBe("/home/ada/.cache/larder");
    const files = { "/x/larder/larder.toml": "port = 5" };
    expect(load({ env: { XDG_CONFIG_HOME: "/x" }, files }).port).toBe(5);
  });

  test("never reads a file of the current directory by itself", () => {
    const asked: string[] = [];
    load({ readFile: (path) => void asked.push(path) });
    expect(asked).toEqual([FILE]);
  });

  test("expands ~/ and resolves a relative home, but not one from the file", () => {
    expect(load({ env: { LARDER_HOME: "~/models" } }).home).toBe("/home/ada/models");
    expect(load({ flags: { home: "models" } }).home).toBe(`${process.cwd()}/models`);
    expect(failure(() => load({ files: { [FILE]: 'home = "models"' } })).field).toBe("home");
  });

  test("treats an empty variable as unset", () => {
    expect(load({ env: { LARDER_PORT: "" } }).port).toBe(7420);
  });

  test("reads lists from text and from arrays, in the form of an origin", () => {
    const env = { LARDER_ALLOW_ORIGINS: "http://127.0.0.1:*, HTTPS://Models.Example:443" };
    expect(load({ env }).allowOrigins).toEqual(["http://127.0.0.1:*", "https://models.example"]);
    const files = { [FILE]: 'allow_hosts = ["Box.local", "10.0.0.9"]' };
    expect(load({ files }).allowHosts).toEqual(["box.local", "10.0.0.9"]);
  });

  test("reads sizes with units", () => {
    expect(load({ env: { LARDER_RATE_BYTES_PER_S: "50MB" } }).rateBytesPerS).toBe(50_000_000);
    expect(load({ files: { [FILE]: 'body_bytes_max = "2MiB"' } }).bodyBytesMax).toBe(2_097_152);
  });

  test.each([
    [{ env: { LARDER_PORT: "99999" } }, "port", "env"],
    [{ env: { LARDER_PORT: "-1" } }, "port", "env"],
    [{ env: { LARDER_PORT: "80.5" } }, "port", "env"],
    [{ env: { LARDER_PORT: "0x50" } }, "port", "env"],
    [{ flags: { host: "http://127.0.0.1" } }, "host", "flag"],
    [{ flags: { host: "" } }, "host", "flag"],
    [{ flags: { connectionsPerPull: "17" } }, "connections_per_pull", "flag"],
    [{ flags: { logFormat: "xml" } }, "log_format", "flag"],
    [{ flags: { stallS: "soon" } }, "stall_s", "flag"],
    [{ flags: { rateBytesPerS: "-5" } }, "rate_bytes_per_s", "flag"],
    [{ flags: { rateBytesPerS: "5 bananas" } }, "rate_bytes_per_s", "flag"],
    [{ env: { LARDER_ALLOW_ORIGINS: "*" } }, "allow_origins", "env"],
    [{ env: { LARDER_ALLOW_ORIGINS: "http://a/path" } }, "allow_origins", "env"],
    [{ env: { LARDER_ALLOW_ORIGINS: "file://a" } }, "allow_origins", "env"],
    [{ env: { LARDER_ALLOW_ORIGINS: "http://a:99999" } }, "allow_origins", "env"],
    [{ files: { [FILE]: "tries = true" } }, "tries", "file"],
    [{ files: { [FILE]: "allow_hosts = [1]" } }, "allow_hosts", "file"],
    [{ files: { [FILE]: "home = 4" } }, "home", "file"],
  ])("refuses %j naming key, source and what is allowed", (options, key, source) => {
    const error = failure(() => load(options));
    expect(error.field).toBe(key);
    expect(error.details).toMatchObject({ key, source });
    expect(error.hint).toStartWith("Allowed: ");
    expect(error.message).toStartWith("Cannot use ");
  });

  test.each([
    [{ env: { LARDER_PROT: "1" } }, "LARDER_PROT"],
    [{ files: { [FILE]: "prot = 1" } }, "prot"],
    [{ files: { [FILE]: "[http]\nport = 1" } }, "http"],
    [{ files: { [FILE]: '"__proto__" = 1' } }, "__proto__"],
    [{ files: { [FILE]: "port = = 1" } }, "config"],
    [{ flags: { config: "/nowhere.toml" } }, "config"],
    [{ env: { LARDER_CONFIG: "/nowhere.toml" } }, "config"],
  ])("refuses %j", (options, field) => {
    expect(failure(() => load(options)).field).toBe(field);
  });

  test("leaves the variables of tests, failpoints and tokens alone", () => {
    load({ env: { LARDER_TEST_REQUIRE_TOOLS: "1", LARDER_FAILPOINT: "a:kill", LARDER_TOKEN: "x" } });
  });

  test("says which configured file cannot be read", () => {
    const readFile = () => {
      throw Object.assign(new Error("no"), { code: "EACCES" });
    };
    expect(failure(() => load({ readFile })).message).toContain(FILE);
  });
});

test("CONFIG_KEYS names every setting in its four forms", () => {
  expect(CONFIG_KEYS.find((key) => key.name === "rateBytesPerS")).toMatchObject({
    key: "rate_bytes_per_s",
    flag: "--rate-bytes-per-s",
    env: "LARDER_RATE_BYTES_PER_S",
  });
  expect(CONFIG_KEYS.every((key) => key.description.length > 5)).toBe(true);
  expect(CONFIG_KEYS.map((key) => key.name).toSorted()).toEqual(
    Object.keys(load().sources).toSorted() as typeof CONFIG_KEYS[number]["name"][],
  );
});

test.each([["0", 0], ["1048576", 1048576], ["5k", 5000], ["5KB", 5000], ["1 KiB", 1024], [
  "1.5GiB",
  1610612736,
]])(
  "parseBytes(%j) is %d",
  (text, bytes) => expect(parseBytes(text)).toBe(bytes),
);

test.each(["", "k", "-1", "1e3", "1KiBB", "1 000", "0x10", "99999999T"])(
  "parseBytes(%j) is undefined",
  (text) => expect(parseBytes(text)).toBeUndefined(),
);
