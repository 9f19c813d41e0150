export * from "./types.ts";
export { createDownloader } from "./downloader.ts";
export { encodeHeader as encodeJournalHeader, encodeRecord as encodeJournalRecord } from "./journal.ts";
