import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool } from "./tools.ts";

export interface Certificate {
  /** PEM texts, for servers. */
  readonly key: string;
  readonly cert: string;
  /** PEM text and path of the authority that signed it, for clients (`NODE_EXTRA_CA_CERTS`, `--cacert`, `tls.ca`). */
  readonly ca: string;
  readonly caPath: string;
}

/** An authority of our own that signs certificates for tests. Needs openssl. */
export interface Authority {
  /** @param names DNS names and IP addresses, the first one is the subject. @param days Negative for one that has run out. */
  issue(names: readonly string[], days?: number): Promise<Certificate>;
}

/** Makes an authority in a new temporary folder, which the caller's operating system clears away. */
export async function makeAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), "larder-ca-"));
  const caKey = join(folder, "ca.key");
  const caPath = join(folder, "ca.pem");
  await openssl(
    [
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      caKey,
      "-out",
      caPath,
      "-days",
      "30",
      "-subj",
      "/CN=Larder test CA",
    ],
  );
  const ca = await readFile(caPath, "utf8");
  let issued = 0;
  return {
    async issue(names, days = 30) {
      const base = join(folder, `${issued++}`);
      const subject = `/CN=${names[0]}`;
      await openssl(["req", ...NEW_KEY, "-keyout", `${base}.key`, "-out", `${base}.csr`, "-subj", subject]);
      await writeFile(`${base}.ext`, `subjectAltName=${names.map(alternativeName).join(",")}\n`);
      await openssl([
        ...["x509", "-req", "-in", `${base}.csr`, "-CA", caPath, "-CAkey", caKey, "-CAcreateserial"],
        ...["-out", `${base}.pem`, "-days", String(days), "-extfile", `${base}.ext`],
      ]);
      const [key, cert] = await Promise.all(["key", "pem"].map((end) => readFile(`${base}.${end}`, "utf8")));
      return { key: key ?? "", cert: cert ?? "", ca, caPath };
    },
  };
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function alternativeName(name: string): string {
  return /^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`;
}

async function openssl(args: readonly string[]): Promise<void> {
  const child = Bun.spawn([findTool("openssl") ?? "openssl", ...args], { stdout: "ignore", stderr: "pipe" });
  const [problem, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${problem}`);
}
