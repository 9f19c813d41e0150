import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { Api } from "../helpers/api.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Place, place } from "../helpers/executable.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { waitUntil } from "../helpers/wait.ts";
import { writeSchema1 } from "../registry/schema-1.ts";

const TIMEOUT_MS = 60_000;
const BYTES = pseudoRandomBytes(18, 70_000);
const DIGEST = digestOf(BYTES);
/** Enough for a backup that takes a while. */
const MANY = 50_000;

/** One model with a real blob and an alias. */
const ONE = `
  INSERT INTO models VALUES (1, 'acme/tiny', 1700000000, 1700000000, 1, '1.0.0', ${BYTES.length});
  INSERT INTO versions VALUES (1, 1, '1.0.0', 1700000000, ${BYTES.length}, 1);
  INSERT INTO blobs VALUES (1, '${DIGEST}', ${BYTES.length}, 'intact', NULL, NULL);
  INSERT INTO files VALUES (1, 1, 'tiny.bin', 1);
  INSERT INTO sources VALUES (1, 0, 'url', 'https://example.org/tiny.bin', NULL);
  INSERT INTO variants VALUES (1, 1, 'default', 'downloaded');
  INSERT INTO variant_files VALUES (1, 1);
  INSERT INTO aliases VALUES (1, 'prod', 1);
`;

/** As many again with nothing in them. */
const OTHERS = `
  WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
  INSERT INTO models SELECT i, printf('acme/model-%06d', i), i, i, 1, '1', 0 FROM n;
  INSERT INTO versions SELECT id, id, '1', id, 0, 0 FROM models WHERE id > 1;
  INSERT INTO variants SELECT id, id, 'default', 'downloaded' FROM models WHERE id > 1;
`;

test("P18: the executable takes over a registry of the first release, with a backup", async () => {
  await using larder = await place();
  const registry = await homeOfFirstRelease(larder, ONE);
  const listed = await larder.run("list");
  expect([listed.code, listed.json]).toMatchObject([0, {
    total: 1,
    models: [{ model: "acme/tiny", size_bytes: BYTES.length }],
  }]);
  expect(schemaOf(registry)).toBe(4);
  expect(schemaOf(`${registry}.backup-v1`)).toBe(1);
  const server = await larder.serve();
  const file = await fetch(`${server.url}/api/files/acme/tiny/prod/tiny.bin`);
  expect(digestOf(await file.bytes())).toBe(DIGEST);
  expect((await new Api(server.url).get("/api/models/acme/tiny")).json).toMatchObject({
    aliases: { prod: "1.0.0" },
  });
  expect(await server.stop()).toBe(0);
  expect(await larder.run("verify")).toMatchObject({ code: 0, json: { result: { intact: 1, damaged: [] } } });
}, TIMEOUT_MS);

const MOMENTS: ReadonlyArray<readonly [name: string, file: string]> = [
  ["while the backup is written", ".backup-v1.tmp"],
  ["when the backup is there", ".backup-v1"],
];

for (const [name, file] of MOMENTS) {
  test(`P18: kill -9 ${name}: the next start has every model`, async () => {
    await using larder = await place();
    const registry = await homeOfFirstRelease(larder, ONE + OTHERS);
    const server = larder.launch();
    await waitUntil(() => [file, ".backup-v1"].some((suffix) => existsSync(registry + suffix)));
    await server.stop("SIGKILL");
    const listed = await larder.run("list", "--limit", "1", "--wait", "0");
    expect([listed.code, listed.json]).toMatchObject([0, { total: MANY }]);
    expect([schemaOf(registry), rowsOf(registry)]).toEqual([4, MANY]);
    expect([schemaOf(`${registry}.backup-v1`), rowsOf(`${registry}.backup-v1`)]).toEqual([1, MANY]);
    expect(existsSync(`${registry}.backup-v1.tmp`)).toBe(false);
  }, TIMEOUT_MS);
}

/** @returns The path of the registry. */
async function homeOfFirstRelease(larder: Place, rows: string): Promise<string> {
  const folder = larder.inHome("blobs/sha256", DIGEST.slice(0, 2));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await Bun.write(`${folder}/${DIGEST}`, BYTES, { mode: 0o600 });
  const registry = larder.inHome("registry.sqlite");
  writeSchema1(registry, rows);
  return registry;
}

function schemaOf(path: string): number {
  return Number(answer(path, "PRAGMA user_version"));
}

/** Models in a database that is whole. */
function rowsOf(path: string): number {
  expect(answer(path, "PRAGMA integrity_check")).toBe("ok");
  return Number(answer(path, "SELECT count(*) FROM models JOIN versions ON versions.model_id = models.id"));
}

function answer(path: string, sql: string): unknown {
  using db = new Database(path, { readwrite: true, create: false });
  return db.query(sql).values()[0]?.[0];
}
