import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { routePath } from "hono/route";
import { LarderError } from "../../core/index.ts";
import type { Scope } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { AccessGuard } from "./access.ts";

export type Allow = (scope: Scope) => MiddlewareHandler<HttpEnv>;

/** Makes the guard that stands first in every route: who may, and which template the log names. */
export function routeGuard(access: AccessGuard): Allow {
  return (scope) => async (c, next) => {
    c.env.exchange.route = routePath(c);
    access.check(c.req.raw, c.env.exchange.peer, scope);
    await next();
  };
}

/** A page of another site cannot send JSON without asking first, and we never say yes. */
export const jsonBodiesOnly: MiddlewareHandler = async (c, next) => {
  const type = c.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (hasBody(c.req.raw) && type !== "application/json") {
    throw new LarderError("UNSUPPORTED_MEDIA_TYPE", "Cannot read a body that is not application/json", {
      hint: "Send JSON with the header Content-Type: application/json.",
    });
  }
  await next();
};

function hasBody({ headers, body }: Request): boolean {
  const length = headers.get("content-length");
  if (length !== null) return length !== "0";
  return headers.has("transfer-encoding") || body !== null;
}

export function limitBodies(bytesMax: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: bytesMax,
    onError: () => {
      throw new LarderError("TOO_LARGE", `Cannot take a body of more than ${bytesMax} bytes`, {
        hint: "Send less at once, or raise body_bytes_max.",
      });
    },
  });
}
