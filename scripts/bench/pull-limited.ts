import { warm } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { Nginx } from "./shared/nginx.ts";
import { interleave } from "./shared/rounds.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";
import { aria2Pull, larderPull } from "./pull-side.ts";

/** Where the network is what takes the time: here only using all connections well, to the end, helps. */
export const pullLimited: Bench = {
  name: "pull-limited",
  title: "Pull of 2 GiB over 4 connections of 50 MiB/s each",
  needs: ["nginx", "aria2c", "openssl"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const file = context.data.ensure("big", context.size(2 * GIB));
  warm([file]);
  await using nginx = await Nginx.start(context);
  await using server = await LarderServer.start(context);
  const source = { url: nginx.url(file.path, "limited"), file };
  const checked: number[] = [];
  const { larder, fetched } = await interleave(context, {
    larder: () => larderPull(server, source),
    fetched: async () => {
      const aria2 = await aria2Pull(context, source);
      checked.push(aria2.checked);
      return aria2.fetched;
    },
  });
  const row = { what: "through a server", unit: "s", larder, aim: { atMost: 1.05 } } as const;
  return [
    { ...row, against: "aria2c -x4 -s4, openssl dgst", peer: checked },
    { ...row, against: "aria2c -x4 -s4, no digest", peer: fetched },
  ];
}
