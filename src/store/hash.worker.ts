import { serveWorker } from "../core/index.ts";
import type { HashEvent } from "./hash-messages.ts";
import { HashThread } from "./hash-thread.ts";

const thread = new HashThread((event) => emit(event));

const emit = serveWorker<HashEvent>({
  enter: thread.enter.bind(thread),
  follow: thread.follow.bind(thread),
  advance: thread.advance.bind(thread),
  chunkRewritten: thread.chunkRewritten.bind(thread),
  finish: thread.finish.bind(thread),
  cancel: thread.cancel.bind(thread),
  verifyPieces: thread.verifyPieces.bind(thread),
  verifyWhole: thread.verifyWhole.bind(thread),
  take: thread.take.bind(thread),
  abort: thread.abort.bind(thread),
});
