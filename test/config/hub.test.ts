import { describe, expect, test } from "bun:test";
import { CONFIG_KEYS, parseHubToken } from "../../src/config/index.ts";
import { failure, FILE, load } from "./loading.ts";

const CANARY = "hf_c4naryS3cret";

test("the hub and its listener have the documented defaults", () => {
  expect(load()).toMatchObject({
    hubEndpoint: "https://huggingface.co",
    hubMirrors: [],
    hubHost: "127.0.0.1",
    hubPort: 7421,
    memoryBytes: 0,
    offline: false,
    hubOrigins: [],
    hubToolsTokenPath: "/home/ada/.cache/huggingface/token",
    hubToolsCachePath: "/home/ada/.cache/huggingface/hub",
  });
  const { hubMirrors, hubOrigins, hubToken, variables } = load();
  expect(hubToken).toBeUndefined();
  for (const value of [hubMirrors, hubOrigins, variables]) expect(Object.isFrozen(value)).toBe(true);
});

describe("variables of the hub's own tools", () => {
  test("are read, ours win, and it is said which one gave a value", () => {
    const env = { HF_ENDPOINT: "https://a.example", HF_TOKEN: "hf_a", HF_HUB_OFFLINE: "1" };
    expect(load({ env })).toMatchObject({
      hubEndpoint: "https://a.example",
      hubToken: "hf_a",
      offline: true,
      sources: { hubEndpoint: "env", hubToken: "env", offline: "env", port: "default" },
      variables: { hubEndpoint: "HF_ENDPOINT", hubToken: "HF_TOKEN", offline: "HF_HUB_OFFLINE" },
    });
    const ours = { LARDER_HUB_ENDPOINT: "https://b.example", LARDER_HUB_TOKEN: "hf_b", LARDER_OFFLINE: "no" };
    expect(load({ env: { ...env, ...ours } })).toMatchObject({
      hubEndpoint: "https://b.example",
      hubToken: "hf_b",
      offline: false,
      variables: { hubEndpoint: "LARDER_HUB_ENDPOINT", hubToken: "LARDER_HUB_TOKEN" },
    });
  });

  test("come before the file and after flags", () => {
    const files = { [FILE]: 'hub_endpoint = "https://file.example"\noffline = true\n' };
    expect(load({ files })).toMatchObject({ hubEndpoint: "https://file.example", offline: true });
    const env = { HF_ENDPOINT: "https://env.example" };
    expect(load({ files, env }).hubEndpoint).toBe("https://env.example");
    expect(load({ files, env, flags: { hubEndpoint: "https://flag.example" } }).hubEndpoint)
      .toBe("https://flag.example");
  });

  test.each([["1", true], ["ON", true], ["yes", true], ["True", true], ["0", false], ["maybe", false]])(
    "HF_HUB_OFFLINE=%s means %p, as it does to them",
    (text, offline) => expect(load({ env: { HF_HUB_OFFLINE: text } }).offline).toBe(offline),
  );

  test("a token of nothing but space is none, and space around one does not count", () => {
    const { hubToken, sources } = load({ env: { HF_TOKEN: " \n" } });
    expect([hubToken, sources.hubToken]).toEqual([undefined, "default"]);
    expect(load({ env: { HF_TOKEN: "hf_a\n" } }).hubToken).toBe("hf_a");
  });

  test.each([
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/token", "/x/huggingface/hub"],
    [{ HF_HOME: "/h", XDG_CACHE_HOME: "/x" }, "/h/token", "/h/hub"],
    [{ HF_HOME: "~/hf" }, "/home/ada/hf/token", "/home/ada/hf/hub"],
    [{ HF_HOME: "/h", HF_TOKEN_PATH: "/t", HF_HUB_CACHE: "/c" }, "/t", "/c"],
    [
      { HF_HOME: "", HF_TOKEN_PATH: "" },
      "/home/ada/.cache/huggingface/token",
      "/home/ada/.cache/huggingface/hub",
    ],
    [{ HF_HUB_CACHE: "models" }, "/home/ada/.cache/huggingface/token", `${process.cwd()}/models`],
  ])("%j says where their token and their files are", (env, hubToolsTokenPath, hubToolsCachePath) => {
    expect(load({ env })).toMatchObject({ hubToolsTokenPath, hubToolsCachePath });
  });
});

describe("the hub's address", () => {
  test.each([
    ["https://hub.example/", "https://hub.example"],
    ["HTTPS://Hub.Example:443", "https://hub.example"],
    ["http://10.0.0.7:8080", "http://10.0.0.7:8080"],
    ["https://mirror.example/hf//", "https://mirror.example/hf"],
  ])("%s is used as %s", (given, used) => {
    expect(load({ env: { LARDER_HUB_ENDPOINT: given } }).hubEndpoint).toBe(used);
  });

  test("what is configured has its origin allowed, the default has not", () => {
    const env = {
      HF_ENDPOINT: "http://127.0.0.1:9000/hub",
      LARDER_HUB_MIRRORS: "https://a.example/x,https://a.example/y",
    };
    const { hubOrigins, hubMirrors } = load({ env });
    expect([...hubOrigins]).toEqual(["http://127.0.0.1:9000", "https://a.example"]);
    expect([...hubMirrors]).toEqual(["https://a.example/x", "https://a.example/y"]);
    expect([...load({ env: { LARDER_HUB_MIRRORS: "http://10.0.0.7" } }).hubOrigins]).toEqual([
      "http://10.0.0.7",
    ]);
  });

  test.each([
    ["HF_ENDPOINT", "hub.example", "hub_endpoint"],
    ["HF_ENDPOINT", "ftp://hub.example", "hub_endpoint"],
    ["LARDER_HUB_ENDPOINT", "https://hub.example?x=1", "hub_endpoint"],
    ["LARDER_HUB_MIRRORS", "https://a.example,file:///b", "hub_mirrors"],
    ["LARDER_OFFLINE", "perhaps", "offline"],
    ["LARDER_MEMORY_BYTES", "much", "memory_bytes"],
    ["LARDER_HUB_PORT", "70000", "hub_port"],
  ])("%s=%s is refused, naming the variable, the value and what is allowed", (variable, value, key) => {
    const error = failure(() => load({ env: { [variable]: value } }));
    expect([error.field, error.details?.["source"]]).toEqual([key, "env"]);
    expect(error.message).toContain(variable);
    expect(error.message).toContain(value.slice(0, 8));
    expect(error.hint).toStartWith("Allowed: ");
  });

  test.each([
    { env: { HF_ENDPOINT: `https://ada:${CANARY}@hub.example` } },
    { env: { HF_ENDPOINT: `https://hub.example/?token=${CANARY}` } },
    { env: { LARDER_HUB_MIRRORS: `https://a.example,https://ada:${CANARY}@hub.example` } },
    { flags: { hubEndpoint: `https://ada:${CANARY}@hub.example/x#y` } },
  ])("a secret in it is refused and not shown (%#)", (options) => {
    const { message, hint, details } = failure(() => load(options));
    expect(JSON.stringify({ message, hint, details })).not.toContain(CANARY);
    expect(message).toContain("://");
  });
});

describe("an endpoint that is our own hub listener", () => {
  const files = { [FILE]: 'hub_endpoint = "https://file.example"' };

  test.each([
    "http://127.0.0.1:7421",
    "http://localhost:7421/",
    "http://[::1]:7421",
    "http://127.0.0.9:7421",
  ])(
    "HF_ENDPOINT=%s is meant for clients and does not count",
    (HF_ENDPOINT) => {
      expect(load({ env: { HF_ENDPOINT } })).toMatchObject({
        hubEndpoint: "https://huggingface.co",
        sources: { hubEndpoint: "default" },
        hubOrigins: [],
      });
      expect(load({ env: { HF_ENDPOINT }, files }).hubEndpoint).toBe("https://file.example");
    },
  );

  test("the names and the port of the listener decide", () => {
    const env = {
      HF_ENDPOINT: "http://box.local:80",
      LARDER_HUB_PORT: "80",
      LARDER_ALLOW_HOSTS: "box.local",
    };
    expect(load({ env }).hubEndpoint).toBe("https://huggingface.co");
    expect(load({ env: { ...env, LARDER_ALLOW_HOSTS: "" } }).hubEndpoint).toBe("http://box.local");
    expect(load({ env: { HF_ENDPOINT: "http://127.0.0.1:7422" } }).hubEndpoint).toBe("http://127.0.0.1:7422");
    expect(load({ env: { HF_ENDPOINT: "https://127.0.0.1:7421" } }).hubEndpoint).toBe(
      "https://127.0.0.1:7421",
    );
  });

  test.each([
    [{ env: { LARDER_HUB_ENDPOINT: "http://localhost:7421" } }, "hub_endpoint", "LARDER_HUB_ENDPOINT"],
    [{ flags: { hubMirrors: "https://a.example,http://127.0.0.1:7421/x" } }, "hub_mirrors", "--hub-mirrors"],
  ])("is refused where it was meant: %j", (options, key, label) => {
    const error = failure(() => load(options));
    expect(error.field).toBe(key);
    expect(error.message).toContain(`for ${label}: there this larder itself listens`);
  });
});

describe("the token", () => {
  test.each([
    [{ flags: { hubToken: CANARY } }, "--hub-token"],
    [{ files: { [FILE]: `hub_token = "${CANARY}"` } }, `hub_token in ${FILE}`],
  ])("has no place on a command line and in a file (%#)", (options, label) => {
    const error = failure(() => load(options));
    expect(error.field).toBe("hub_token");
    expect(error.message).toContain(label);
    expect(error.hint).toContain("larder token hub --set");
    expect(JSON.stringify(error.toRecord())).not.toContain(CANARY);
  });

  test("that cannot be sent is refused and not shown", () => {
    const error = failure(() => load({ env: { HF_TOKEN: `${CANARY} ${CANARY}` } }));
    expect([error.field, error.message]).toEqual(["hub_token", "Cannot use HF_TOKEN"]);
    expect(JSON.stringify(error.toRecord())).not.toContain(CANARY);
  });

  test.each([[" hf_a\r\n", "hf_a"], ["", undefined], ["a b", undefined], ["hf_ä", undefined], [
    "a\0",
    undefined,
  ]])(
    "parseHubToken(%j) is %p",
    (text, token) => expect(parseHubToken(text)).toBe(token),
  );

  test("is the only secret, and offline the only switch", () => {
    expect(CONFIG_KEYS.filter((key) => key.secret).map((key) => key.name)).toEqual(["hubToken"]);
    expect(CONFIG_KEYS.filter((key) => key.isSwitch).map((key) => key.name)).toEqual(["offline"]);
  });
});
