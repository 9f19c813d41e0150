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
  command.option("--demo", "offer demo/iris, two small classifiers to try without a network");
  addExample(command, "larder serve --port 7420", "larder serve --demo");
  command.action(cli.action<{ demo?: boolean }>(async (context, { options }) => {
    const { config, parts, signal, verb } = context;
    const { demo = false } = options;
    const serving = await parts.serve(config, { verb, waitMs: config.waitS * 1000, signal, demo });
    announce(context, serving);
    await aborted(signal);
    logger("serve").info("Stopping after {signal}", { signal: signal.reason });
    await stop(context, serving);
  }));
};

function announce({ config, output }: VerbContext, { url, hubUrl, socketPath, demoModel }: Serving): void {
  const { home } = config;
  const hub = hubUrl === undefined ? {} : { hub_url: hubUrl };
  const demo = demoModel === undefined ? {} : { demo_model: demoModel };
  output.document({ url, ...hub, socket: socketPath, home, pid: process.pid, ...demo });
  if (config.logFormat === "json") {
    return logger("serve").info("Listening on {url}", { url, ...hub, socket: socketPath, home, ...demo });
  }
  output.line(`larder listens on ${url}, home ${home}`);
  if (hubUrl !== undefined) output.line(`For clients of the hub: HF_ENDPOINT=${hubUrl}`);
  if (demoModel !== undefined) output.line(`To try ${demoModel}: ${tryLine(url, demoModel)}`);
  output.line("To pull a first model: larder pull acme/tiny, or any https:// address; `larder pull --help`");
}

/** A command that asks the model of one flower. */
function tryLine(url: string, model: string): string {
  const body = JSON.stringify({ model, inputs: [[5.1, 3.5, 1.4, 0.2]] });
  return `curl ${url}/api/v1/predict -H 'content-type: application/json' -d '${body}'`;
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
