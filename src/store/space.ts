import { constants, statfsSync, type StatsFs } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { LarderError } from "../core/index.ts";
import { type Home, onDisk } from "./disk-error.ts";
import type { DiskSpace, Reservation } from "./types.ts";

/** Promises of disk space that together never exceed what is free. */
export class SpaceLedger {
  readonly #promised = new Set<{ bytes: number }>();

  constructor(private readonly home: Home, private readonly writeFolder: string) {}

  reserve(bytes: number): Promise<Reservation> {
    return onDisk(this.home, `reserve ${bytes} bytes`, async () => {
      await access(this.writeFolder, constants.W_OK);
      // Looking and promising are one step: two that see the same free space must not both get it.
      const disk = statfsSync(this.home.path);
      if (disk.files > 0 && disk.ffree === 0) throw noInodes();
      const missing = bytes - (freeBytes(disk) - this.#promisedBytes());
      if (missing > 0) throw noSpace(bytes, missing, this.home.path);
      return this.#promise(bytes);
    });
  }

  async space(): Promise<DiskSpace> {
    const disk = await onDisk(this.home, "look at the disk", () => statfs(this.home.path));
    return {
      totalBytes: disk.blocks * disk.bsize,
      freeBytes: freeBytes(disk),
      reservedBytes: this.#promisedBytes(),
    };
  }

  #promise(bytes: number): Reservation {
    const entry = { bytes };
    this.#promised.add(entry);
    return {
      used: (usedBytes) => {
        entry.bytes = Math.max(0, bytes - usedBytes);
      },
      release: () => void this.#promised.delete(entry),
    };
  }

  #promisedBytes(): number {
    return [...this.#promised].reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

function freeBytes(disk: StatsFs): number {
  return disk.bavail * disk.bsize;
}

function noSpace(bytes: number, missingBytes: number, path: string): LarderError {
  return new LarderError(
    "NO_SPACE",
    `Cannot reserve ${bytes} bytes: ${missingBytes} bytes are missing on the disk of ${path}`,
    {
      hint: `Free at least ${missingBytes} bytes, for example with \`larder remove\` and \`larder gc\`.`,
      details: { needed_bytes: bytes, missing_bytes: missingBytes },
    },
  );
}

function noInodes(): LarderError {
  return new LarderError(
    "NO_INODES",
    "Cannot store another file: the file system has no room for more files",
    {
      hint: "Delete files that are not needed: the limit is their number, not their size.",
    },
  );
}
