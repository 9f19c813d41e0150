import { createHash } from "node:crypto";
import { basename, join } from "node:path";

/** Names below blobs/ whose bytes have another digest, by another implementation than the one under test. */
export async function blobFaults(home: string): Promise<string[]> {
  const faults: string[] = [];
  for await (
    const path of new Bun.Glob("**/*").scan({ cwd: join(home, "blobs"), onlyFiles: true, dot: true })
  ) {
    const hash = createHash("sha256");
    for await (const bytes of Bun.file(join(home, "blobs", path)).stream()) hash.update(bytes);
    if (hash.digest("hex") !== basename(path)) faults.push(path);
  }
  return faults;
}

/** The digest that OpenSSL gives to a file or an answer. */
export async function opensslDigest(content: Blob | Response): Promise<string> {
  const child = Bun.spawn(["openssl", "dgst", "-sha256", "-r"], { stdin: content, stdout: "pipe" });
  const [digest = ""] = (await child.stdout.text()).split(" ");
  if (await child.exited !== 0) throw new Error("openssl failed");
  return digest;
}
