import { LarderError } from "../../core/index.ts";

/**
 * Refuses a write that a page of another site makes its visitor's browser send. Programs send neither header; a browser
 * sends them and pages cannot forge them. The comparison is exact: no wildcard, no suffix, no `null`.
 *
 * @throws {LarderError} ORIGIN
 */
export function checkOrigin(request: Request): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") throw foreign();
  const origin = request.headers.get("origin");
  if (origin === null) return;
  const host = request.headers.get("host");
  if (origin !== `http://${host}` && origin !== `https://${host}`) throw foreign();
}

function foreign(): LarderError {
  return new LarderError("ORIGIN", "Cannot let a page of another site change anything here", {
    hint: "Use a program or a page of this server.",
  });
}
