import { warm } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { Nginx } from "./shared/nginx.ts";
import { interleave } from "./shared/rounds.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";
import { aria2Pull, larderPull } from "./pull-side.ts";

/** The same pull beside a tool that uses several connections, as Larder does. */
export const pullAria2: Bench = {
  name: "pull-aria2",
  title: "Pull of 2 GiB, digest known, beside 4 connections of aria2",
  needs: ["nginx", "aria2c", "openssl"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const file = context.data.ensure("big", context.size(2 * GIB));
  warm([file]);
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  const source = { url: nginx.url(file.path), file };
  const times = await interleave(context, {
    larder: () => larderPull(server, source),
    peer: async () => (await aria2Pull(context, source)).checked,
  });
  return [{
    what: "through a server",
    against: "aria2c -x4 -s4, openssl dgst",
    unit: "s",
    ...times,
    aim: { atMost: 0.65 },
  }];
}
