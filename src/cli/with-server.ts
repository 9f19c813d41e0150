import { LarderError } from "../core/index.ts";
import type { VerbContext } from "./cli-types.ts";
import type { CliApi } from "./models-api.ts";
import { connectOwner } from "./remote.ts";
import { socketPathOf } from "./socket-path.ts";

/**
 * For verbs about the memory of a running server: what this process has in memory ends with it.
 *
 * @throws {LarderError} BAD_STATE without a server.
 */
export async function withServer<T>(
  { config, verb }: VerbContext,
  use: (api: CliApi) => Promise<T>,
): Promise<T> {
  const api = await connectOwner(socketPathOf(config));
  if (api !== undefined) return await use(api);
  throw new LarderError("BAD_STATE", `Cannot run "larder ${verb}": no larder serves ${config.home}`, {
    hint: "Start one with `larder serve`.",
  });
}
