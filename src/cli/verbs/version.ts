import { BUILD } from "../../core/index.ts";
import { addExample, type Verb } from "../verb.ts";

export const version: Verb = (program, cli) => {
  const command = program.command("version").description("show what this executable is");
  addExample(command, "larder version --json");
  // Settings are not read: a wrong one must not hide the version.
  command.action(() => {
    const output = cli.output(command.optsWithGlobals<{ json?: boolean }>().json === true);
    const { platform, arch } = process;
    output.document({ ...BUILD, bun: Bun.version, platform, arch });
    output.line(
      `larder ${BUILD.version}${BUILD.commit && ` (${BUILD.commit.slice(0, 12)})`}, ${platform} ${arch}`,
    );
  });
};
