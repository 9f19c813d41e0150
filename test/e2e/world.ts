import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../helpers/digest.ts";
import { type Place, place } from "../helpers/executable.ts";
import { type Nginx, startNginx } from "../helpers/nginx.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly digest: string;
  /** Where nginx has it, without a limit. */
  readonly address: string;
}

/** An nginx with files and the executable in one temporary folder; `await using` ends and removes all of it. */
export interface World extends AsyncDisposable {
  readonly path: string;
  readonly nginx: Nginx;
  readonly larder: Place;
  /** Puts a file of pseudo-random bytes behind nginx. */
  sample(name: string, sizeBytes: number): Promise<Sample>;
  /** All requests for models that nginx answered. */
  requestCount(): Promise<number>;
}

export async function world(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempFolder());
  const root = join(path, "www");
  await mkdir(root);
  const nginx = stack.use(await startNginx(join(path, "nginx"), root));
  const larder = stack.use(await place(join(path, "larder")));
  const owned = stack.move();
  let seed = 1;
  return {
    path,
    nginx,
    larder,
    sample: async (name, sizeBytes) => {
      const bytes = pseudoRandomBytes(seed++, sizeBytes);
      await Bun.write(join(root, name), bytes);
      return { name, bytes, digest: digestOf(bytes), address: nginx.address(`/${name}`) };
    },
    requestCount: async () => (await nginx.requests()).length,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
