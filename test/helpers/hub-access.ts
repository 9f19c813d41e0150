import { BAD_TOKEN, DISABLED, NO_REPOSITORY, type Refusal, UNKNOWN_CALLER } from "./hub-replies.ts";
import type { Repository } from "./hub-repository.ts";
import type { OriginRequest } from "./origin.ts";

/** Whom a token belongs to, and the ids of private and gated repositories that are open to it. */
export interface TokenHolder {
  readonly name: string;
  readonly grants?: readonly string[];
}

/** Nobody in particular, somebody with a token that the hub does not know, or the holder of one. */
export type Caller = "anonymous" | "impostor" | TokenHolder;

export function callerOf(request: OriginRequest, tokens: ReadonlyMap<string, TokenHolder>): Caller {
  const header = request.headers.get("authorization");
  if (header === undefined) return "anonymous";
  return tokens.get(header.replace(/^Bearer /i, "")) ?? "impostor";
}

/**
 * Why this caller gets nothing, or undefined. The listing of a gated repository is public, its content is not.
 *
 * @param repo Undefined when there is none of that name: nobody may learn it but the holder of a token.
 */
export function refusalOf(
  caller: Caller,
  repo: Repository | undefined,
  wants: "listing" | "content",
): Refusal | undefined {
  const known = typeof caller === "object";
  const granted = known && repo !== undefined && (caller.grants?.includes(repo.id) ?? false);
  if (!repo || (repo.private && !granted)) {
    if (caller === "impostor") return BAD_TOKEN;
    return known ? NO_REPOSITORY : UNKNOWN_CALLER;
  }
  if (repo.disabled) return DISABLED;
  if (repo.gated && wants === "content" && !granted) return gate(repo, known);
  return caller === "impostor" ? BAD_TOKEN : undefined;
}

function gate({ kind, id }: Repository, known: boolean): Refusal {
  const text = `Access to ${kind} ${id} is restricted`;
  return known
    ? { status: 403, code: "GatedRepo", message: `${text} and you are not on its list. Ask its owners.` }
    : { status: 401, code: "GatedRepo", message: `${text}. Log in as somebody who has access.` };
}
