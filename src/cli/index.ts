export type * from "./cli-types.ts";
export { SOCKET_PATH_BYTES_MAX } from "./doctor-warnings.ts";
export { exitOfSignal } from "./exit-codes.ts";
export { configureLogging } from "./log-sink.ts";
export { runCli } from "./program.ts";
export { connectOwner } from "./remote.ts";
export { TextStream } from "./text-stream.ts";
