/** What is used of a stream's reader; the runtime's own and the standard's types of it do not agree. */
export interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}
