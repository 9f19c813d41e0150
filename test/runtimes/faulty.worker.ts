import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { dlopen, FFIType } from "bun:ffi";
import type { Driver, DriverContext } from "../../src/runtimes/runner/engine.ts";
import type { FromRunner, LoadOrder, ToRunner } from "../../src/runtimes/runner/messages.ts";
import { serveRunner } from "../../src/runtimes/runner/serve-runner.ts";
import type { GenerateResult } from "../../src/runtimes/types.ts";

// A runner whose model does as its prompt says: fails in one of the ways that native code has.

declare const self: Worker;

const { symbols } = dlopen("libc.so.6", { usleep: { args: [FFIType.u32], returns: FFIType.i32 } });
/** Longer than the tests wait for an answer. */
const NATIVE_MS = 1500;

const post = (message: FromRunner, move: readonly ArrayBuffer[]) => self.postMessage(message, [...move]);
const take = serveRunner({ onnx: open, gguf: open }, { post });
self.onmessage = ({ data }: MessageEvent<ToRunner>) => void take(data);
process.on("uncaughtException", (error) => post({ fatal: String(error) }, []));
post({ ready: true }, []);

function open({ busy }: DriverContext): Promise<Driver> {
  const sleep = () => busy.run(() => symbols.usleep(NATIVE_MS * 1000));
  return Promise.resolve({
    load: (order: LoadOrder) => {
      const folder = dirname(order.path);
      return Promise.resolve({
        generate: ({ prompt }) => act(String(prompt), sleep),
        dispose: async () => writeFileSync(join(folder, "disposed"), ""),
      });
    },
    close: () => Promise.resolve(),
  });
}

function act(prompt: string, sleep: () => void): Promise<GenerateResult> {
  const never = new Promise<never>(() => {});
  switch (prompt) {
    case "throw":
      setTimeout(() => {
        throw new Error("out of nowhere");
      });
      return never;
    case "exit":
      setTimeout(() => process.exit(3));
      return never;
    case "spin":
      for (;;);
    case "hang":
      return never;
    case "sleep":
      sleep();
  }
  return Promise.resolve({ text: prompt, finishReason: "stop", promptTokens: 1, completionTokens: 1 });
}
