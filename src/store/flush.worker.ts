import { serveWorker } from "../core/index.ts";
import { flushBatch } from "./flush-batch.ts";

serveWorker({ flushBatch });
