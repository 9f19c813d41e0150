// deno-lint-ignore-file no-console
import { Hono } from "hono";

/** Answers every request with the text of a file, as JSON, and prints its address. */
async function main(): Promise<void> {
  const text = await Bun.file(Bun.argv[2] ?? "").text();
  const app = new Hono().get("/", (c) => c.body(text, 200, { "content-type": "application/json" }));
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
  console.log(JSON.stringify({ url: server.url.href }));
}

await main();
