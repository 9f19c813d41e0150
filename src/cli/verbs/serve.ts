import { CONFIG_KEYS } from "../../config/index.ts";
import { logger } from "../../core/index.ts";
import type { Serving, VerbContext } from "../cli-types.ts";
import { addExample, addSettings, type Verb } from "../verb.ts";

/** What closing takes at most beyond the time that running requests are given. */
const CLOSE_MARGIN_MS = 700;
/** They are options of every verb. */
const GLOBAL = new Set(["home", "logFormat", "logLevel", "waitS"]);

export const serve: Verb = (program, cli) => {
  const command = program.command("serve").description(
    "own the home and serve its models over HTTP until stopped",
  );
  addSettings(command, CONFIG_KEYS.map(({ name }) => name).filter((name) => !GLOBAL.has(name)));
  addExample(command, "larder serve --port 7420");
  command.action(cli.action(async (context) => {
    const { config, parts, signal, verb } = context;
    const serving = await parts.serve(config, { verb, waitMs: config.waitS * 1000, signal });
    announce(context, serving);
    await aborted(signal);
    logger("serve").info("Stopping after {signal}", { signal: signal.reason });
    await stop(context, serving);
  }));
};

function announce({ config, output }: VerbContext, { url, hubUrl, socketPath }: Serving): void {
  const { home } = config;
  const hub = hubUrl === undefined ? {} : { hub_url: hubUrl };
  output.document({ url, ...hub, socket: socketPath, home, pid: process.pid });
  if (config.logFormat === "json") {
    return logger("serve").info("Listening on {url}", { url, ...hub, socket: socketPath, home });
  }
  output.line(`larder listens on ${url}, home ${home}`);
  if (hubUrl !== undefined) output.line(`For clients of the hub: HF_ENDPOINT=${hubUrl}`);
  output.line("To pull a first model: larder pull acme/tiny, or any https:// address; `larder pull --help`");
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Nothing that hangs may hold up the end: whatever is not flushed then is found and finished at the next start. */
async function stop({ clock, config }: VerbContext, serving: Serving): Promise<void> {
  const inTime = await Promise.race([
    serving.close().then(() => true),
    clock.sleep(config.shutdownS * 1000 + CLOSE_MARGIN_MS).then(() => false),
  ]);
  if (!inTime) logger("serve").warning("Stopped without waiting any longer for what was still running");
}
