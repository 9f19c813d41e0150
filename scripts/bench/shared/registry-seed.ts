import { Database } from "bun:sqlite";
import { openRegistry } from "../../../src/registry/index.ts";

/** One version of each, with two files; each was used now and then. */
const seedOf = (models: number) => `
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${models})
  INSERT INTO models (id, name, created_at, updated_at, version_count, latest, size_bytes)
    SELECT i, printf('org%03d/model-%06d', i % 500, i), i, i, 1, '1.0.0', 30 FROM n;
  INSERT INTO versions (id, model_id, name, created_at, size_bytes, file_count)
    SELECT id, id, '1.0.0', id, 30, 2 FROM models;
  INSERT INTO blobs (id, digest, size_bytes, state) SELECT id, printf('%064x', id), 10, 'intact' FROM models;
  INSERT INTO blobs (id, digest, size_bytes, state)
    SELECT ${models} + id, printf('%064x', ${models} + id), 20, 'intact' FROM models;
  INSERT INTO files (id, version_id, path, blob_id) SELECT id, id, 'config.json', id FROM versions;
  INSERT INTO files (id, version_id, path, blob_id)
    SELECT ${models} + id, id, 'model.onnx', ${models} + id FROM versions;
  INSERT INTO sources (file_id, position, kind, location)
    SELECT id, 0, 'url', 'https://example.org/' || id FROM files;
  INSERT INTO variants (id, version_id, name, status) SELECT id, id, 'default', 'downloaded' FROM versions;
  INSERT INTO variant_files (variant_id, file_id) SELECT version_id, id FROM files;
  INSERT INTO access (model, version, variant, count, used_at, arrived_at, loads, size_bytes)
    SELECT name, '1.0.0', 'default', id % 97, 1e9 + id * 7919 % ${models}, id, 0, 30 FROM models;
`;

export function seededModel(number: number): string {
  return `org${String(number % 500).padStart(3, "0")}/model-${String(number).padStart(6, "0")}`;
}

/** Makes a registry of so many models, numbered from 1 on. Their bytes are nowhere. */
export async function seedRegistry(path: string, models: number): Promise<void> {
  await (await openRegistry({ path })).close();
  const db = new Database(path);
  db.run("PRAGMA synchronous = OFF");
  db.run("BEGIN");
  db.run(seedOf(models));
  db.run("COMMIT");
  db.close(true);
}
