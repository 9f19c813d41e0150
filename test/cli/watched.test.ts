import { expect, test } from "bun:test";
import { startHttp } from "../../src/http/index.ts";
import { CONFIG } from "../http/setup.ts";
import { StandInLibrary } from "../http/stand-in.ts";
import { SCANNED, WATCHED } from "../http/watched-stand-in.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";

test("watched folders are asked of the server, and looked at on demand", async () => {
  await using folder = await tempFolder();
  const library = new StandInLibrary();
  const server = await startHttp({ library, config: CONFIG, unixSocket: `${folder.path}/larder.sock` });
  try {
    const run = (...argv: string[]) => larder(["watched", ...argv, "--home", folder.path]);
    const told = await run();
    expect([told.code, told.stderr]).toEqual([0, ""]);
    expect(told.stdout).toBe(
      [
        "/srv/models: watched, 3 files, noticed by events",
        "MODEL              STATE     SIZE  TAKEN             PATH",
        "iris@0123456789ab  taken     10 B  1970-01-01 00:00  /srv/models/iris.onnx",
        "tiny               settling  20 B                    /srv/models/tiny.gguf",
        "/srv/models/broken.onnx: Cannot use broken.onnx",
        "",
      ].join("\n"),
    );
    expect((await run("--json")).documents).toEqual([WATCHED] as never);
    const scanned = await run("--scan", "--json");
    expect(scanned.documents).toEqual([SCANNED] as never);
    expect((await run("--scan")).stdout).toContain("No folder is watched");
    expect(library.calls.map(([name]) => name)).toEqual([
      ...["watched.list", "watched.list", "watched.scan", "watched.scan"],
    ]);
  } finally {
    await server.stop();
  }
});
