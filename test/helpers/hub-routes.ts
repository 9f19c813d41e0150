import { type Caller, callerOf, refusalOf } from "./hub-access.ts";
import type { Ask, CommitAsk, HubContext } from "./hub-context.ts";
import { cachedFile, rawFile, resolveFile } from "./hub-files.ts";
import { refs, repoInfo } from "./hub-info.ts";
import {
  BAD_REQUEST,
  BAD_TOKEN,
  json,
  NO_METHOD,
  NO_PAGE,
  noRevision,
  redirect,
  refuse,
  UNKNOWN_CALLER,
} from "./hub-replies.ts";
import { readTarget, type RepoTarget, splitRevision } from "./hub-target.ts";
import { pathsInfo, treePage } from "./hub-tree.ts";
import type { OriginFile, OriginRequest } from "./origin.ts";

const CONTENT: ReadonlySet<RepoTarget["action"]> = new Set(["resolve", "raw", "resolve-cache", "auth-check"]);

/** The answer to any request to the hub. */
export async function answerHub(context: HubContext, request: OriginRequest): Promise<OriginFile> {
  try {
    return await route(context, request);
  } catch (error) {
    if (error instanceof URIError || error instanceof SyntaxError) return refuse(BAD_REQUEST);
    throw error;
  }
}

async function route(context: HubContext, request: OriginRequest): Promise<OriginFile> {
  const caller = callerOf(request, context.tokens);
  if (request.path === "/api/whoami-v2") return whoAmI(caller);
  const target = readTarget(request.path);
  if (!target) return refuse(request.path.startsWith("/api/resolve-cache/") ? BAD_REQUEST : NO_PAGE);
  if (!methodsOf(target).includes(request.method)) return refuse(NO_METHOD);
  const repo = context.findRepository(target.kind, target.id);
  const refusal = refusalOf(caller, repo, CONTENT.has(target.action) ? "content" : "listing");
  if (!repo || refusal) return refuse(refusal ?? NO_PAGE);
  const queryText = request.target.slice(request.path.length);
  if (repo.id !== target.id) return redirect(307, target.renamed(repo.id) + queryText);
  return await answerRepository(context, { request, query: new URLSearchParams(queryText), target, repo });
}

function methodsOf({ action }: RepoTarget): string[] {
  return action === "paths-info" ? ["POST"] : ["GET", "HEAD"];
}

async function answerRepository(context: HubContext, ask: Ask): Promise<OriginFile> {
  const { repo, target } = ask;
  if (target.action === "refs") return refs(ask);
  if (target.action === "auth-check") return json({});
  const { revision, path } = splitRevision(target.rest || "HEAD", (one) => repo.find(one) !== undefined);
  const commit = repo.find(revision);
  if (!commit) return refuse(noRevision(revision));
  return await answerCommit(context, { ...ask, commit, path });
}

async function answerCommit(context: HubContext, ask: CommitAsk): Promise<OriginFile> {
  switch (ask.target.action) {
    case "resolve":
      return await resolveFile(context, ask);
    case "resolve-cache":
      return await cachedFile(context, ask);
    case "raw":
      return await rawFile(context, ask);
    case "tree":
      return await treePage(context, ask);
    case "paths-info":
      return await pathsInfo(context, ask);
    case "info":
    case "revision":
      return ask.path === "" ? await repoInfo(ask) : refuse(noRevision(ask.target.rest));
    default:
      return refuse(NO_PAGE);
  }
}

function whoAmI(caller: Caller): OriginFile {
  if (caller === "anonymous") return refuse(UNKNOWN_CALLER);
  if (caller === "impostor") return refuse(BAD_TOKEN);
  return json({
    type: "user",
    id: "5f0c746619cb630495b814fd",
    name: caller.name,
    fullname: caller.name,
    isPro: false,
    orgs: [],
    auth: {
      type: "access_token",
      accessToken: { displayName: "test", role: "read", createdAt: "2024-01-01T00:00:00.000Z" },
    },
  });
}
