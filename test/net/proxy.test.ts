import { expect, test } from "bun:test";
import { startOrigin } from "../helpers/origin.ts";

const CHILD = `
  const { createNetClient } = await import(process.argv[1]);
  const policy = { allowOrigins: ["http://127.0.0.1:*"], userAgent: "t", connectMs: 5000, headersMs: 5000 };
  const response = await createNetClient(policy).request(new URL(process.argv[2]));
  process.stdout.write(await new Response(response.body).text());
`;

test("S08: proxies of the environment are not used", async () => {
  await using proxy = await startOrigin();
  await using origin = await startOrigin();
  const url = origin.file("/x", new TextEncoder().encode("direct"));
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  const env = {
    ...process.env,
    NO_PROXY: "",
    no_proxy: "",
    ...Object.fromEntries(names.map((name) => [name, proxy.origin])),
  };
  const child = Bun.spawn([process.execPath, "-e", CHILD, `${import.meta.dir}/../../src/net/index.ts`, url], {
    env,
    stderr: "inherit",
  });
  expect(await new Response(child.stdout).text()).toBe("direct");
  expect([proxy.connections, origin.requests.length]).toEqual([0, 1]);
});
