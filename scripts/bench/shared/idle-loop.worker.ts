import { LoopRecorder } from "./loop-recorder.ts";

declare const self: Worker;

const recorder = new LoopRecorder();

/** Every message is answered with what was recorded since the one before. */
self.onmessage = () => postMessage(recorder.take());
