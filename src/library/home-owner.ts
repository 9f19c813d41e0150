import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../core/index.ts";

const Owner = z.object({
  pid: z.number().int(),
  verb: z.string().regex(/^[a-z-]{1,32}$/),
  /** Unix seconds. */
  started_at: z.number().min(0).max(1e11),
});

/** Who has a home, for messages only: the lock decides, and after a kill this note is out of date. */
export type HomeOwner = Readonly<z.infer<typeof Owner>>;

/** Call with the lock held. */
export function writeOwner(home: string, owner: HomeOwner): void {
  const path = ownerPath(home);
  // Made anew each time: a file or link left under this name is replaced, never written through.
  rmSync(`${path}.tmp`, { force: true });
  writeFileSync(`${path}.tmp`, JSON.stringify(owner), { mode: 0o600, flag: "wx" });
  chmodSync(`${path}.tmp`, 0o600);
  renameSync(`${path}.tmp`, path);
}

/** Call with the lock held. Another's note is left alone, and so is a home that is gone. */
export function forgetOwner(home: string, owner: HomeOwner): void {
  if (readOwner(home)?.pid !== owner.pid) return;
  try {
    rmSync(ownerPath(home), { force: true });
  } catch (error) {
    // On a disk that became read-only the note stays, as after a kill.
    if (systemCode(error) === undefined) throw error;
  }
}

/** Undefined when nothing readable is there: the owner may be between taking the lock and writing its note. */
export function readOwner(home: string): HomeOwner | undefined {
  try {
    return Owner.safeParse(JSON.parse(readFileSync(ownerPath(home), "utf8"))).data;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

function ownerPath(home: string): string {
  return join(home, "owner.json");
}
