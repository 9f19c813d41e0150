export type * from "./cli-types.ts";
export type * from "./models-api.ts";
export { exitOfSignal } from "./exit-codes.ts";
export { configureLogging } from "./log-sink.ts";
export { runCli } from "./program.ts";
export { connectOwner } from "./remote.ts";
export { socketPathOf } from "./socket-path.ts";
export { TextStream } from "./text-stream.ts";
