import { startHttp } from "../../src/http/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { CONFIG } from "../http/setup.ts";
import { StandInLibrary } from "../http/stand-in.ts";
import { larder } from "./harness.ts";

/** A server on the socket of a home, before a library that is not there. */
export async function serving() {
  const folder = await tempFolder();
  const library = new StandInLibrary();
  const server = await startHttp({ library, config: CONFIG, unixSocket: `${folder.path}/larder.sock` });
  return {
    library,
    larder: (...argv: string[]) => larder([...argv, "--home", folder.path]),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
