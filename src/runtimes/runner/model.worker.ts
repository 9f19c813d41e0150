import { openLlama } from "../gguf/driver.ts";
import { openOnnx } from "../onnx/driver.ts";
import type { FromRunner, ToRunner } from "./messages.ts";
import { serveRunner } from "./serve-runner.ts";

declare const self: Worker;

const post = (message: FromRunner, move: readonly ArrayBuffer[]) => self.postMessage(message, [...move]);
const take = serveRunner({ onnx: openOnnx, gguf: openLlama }, { post });
self.onmessage = ({ data }: MessageEvent<ToRunner>) => void take(data);

// Without these a throw would end the thread, and a thread that ends with native code under way aborts the process.
process.on("uncaughtException", (error) => post({ fatal: String(error) }, []));
process.on("unhandledRejection", (reason) => post({ fatal: String(reason) }, []));

post({ ready: true }, []);
