import { createHash } from "node:crypto";

/** SHA-256 as hexadecimal digits, by another implementation than the code under test uses. */
export function digestOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
