// All SQL that runs on an open registry, by name: a test walks both tables and asks SQLite for the plan of each.

/** What a rebuild reads of the old file: columns that every schema so far has, because that file may be of an older one. */
export const KEPT_SQL = {
  findPull:
    "SELECT id, model, version, variant, state, created_at AS createdAtS, updated_at AS updatedAtS, finished_at AS finishedAtS, request, error FROM pulls WHERE id = ?1",
  listPulls:
    "SELECT id, model, version, variant, state, created_at AS createdAtS, updated_at AS updatedAtS, finished_at AS finishedAtS, request, error FROM pulls WHERE created_at >= 0 ORDER BY created_at DESC, id DESC LIMIT ?1",
  listPullsInState:
    "SELECT id, model, version, variant, state, created_at AS createdAtS, updated_at AS updatedAtS, finished_at AS finishedAtS, request, error FROM pulls WHERE state = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
  filesOfPull:
    "SELECT path, urls, size_bytes AS sizeBytes, digest, bytes_done AS bytesDone, state FROM pull_files WHERE pull_id = ?1 ORDER BY position",
  listSettings: "SELECT key, value FROM settings ORDER BY key",
} as const;

/** Beside them, of tables that came later. */
export const WISHES_SQL = {
  listOptions: "SELECT model, variant, pinned, options FROM model_options ORDER BY model, variant",
} as const;

/**
 * What the reading connection prepares. Column names are those of the rows in types.ts. What serving asks for is nested, not
 * joined: a join with several values makes SQLite prepare the statement again at each call (2 µs against 15).
 */
export const READ_SQL = {
  ...KEPT_SQL,

  findBlob:
    "SELECT digest, size_bytes AS sizeBytes, chunk_digests AS chunkDigests, state, verified_at AS verifiedAtS, modified_ms AS modifiedMs FROM blobs WHERE digest = ?1",
  findBlobByGitOid:
    "SELECT digest, size_bytes AS sizeBytes, chunk_digests AS chunkDigests, state, verified_at AS verifiedAtS, modified_ms AS modifiedMs FROM blobs WHERE id = (SELECT blob_id FROM git_oids WHERE oid = ?1)",
  blobsAfter:
    "SELECT digest, size_bytes AS sizeBytes, chunk_digests AS chunkDigests, state, verified_at AS verifiedAtS, modified_ms AS modifiedMs FROM blobs WHERE digest > ?1 ORDER BY digest LIMIT ?2",
  // Files that are in no variant are wanted by themselves; those of variants as long as one of these is here.
  lostBlobs:
    "SELECT digest, size_bytes AS sizeBytes, chunk_digests AS chunkDigests, state, verified_at AS verifiedAtS, modified_ms AS modifiedMs FROM blobs WHERE state <> 'intact' AND EXISTS (SELECT 1 FROM files WHERE files.blob_id = blobs.id AND (NOT EXISTS (SELECT 1 FROM variant_files WHERE variant_files.file_id = files.id) OR EXISTS (SELECT 1 FROM variant_files JOIN variants ON variants.id = variant_files.variant_id WHERE variant_files.file_id = files.id AND variants.status = 'downloaded'))) ORDER BY digest LIMIT ?1",
  countLost:
    "SELECT count(*) AS count FROM (SELECT 1 FROM blobs WHERE state <> 'intact' AND EXISTS (SELECT 1 FROM files WHERE files.blob_id = blobs.id AND (NOT EXISTS (SELECT 1 FROM variant_files WHERE variant_files.file_id = files.id) OR EXISTS (SELECT 1 FROM variant_files JOIN variants ON variants.id = variant_files.variant_id WHERE variant_files.file_id = files.id AND variants.status = 'downloaded'))) LIMIT ?1)",
  isWanted:
    "SELECT 1 FROM files WHERE files.blob_id = (SELECT id FROM blobs WHERE digest = ?1) AND (NOT EXISTS (SELECT 1 FROM variant_files WHERE variant_files.file_id = files.id) OR EXISTS (SELECT 1 FROM variant_files JOIN variants ON variants.id = variant_files.variant_id WHERE variant_files.file_id = files.id AND variants.status = 'downloaded')) LIMIT 1",
  aliveDigests: "SELECT digest FROM blobs WHERE id IN (SELECT blob_id FROM files)",
  orphanDigests: "SELECT digest FROM blobs WHERE id NOT IN (SELECT blob_id FROM files)",
  isReferenced: "SELECT 1 FROM blobs JOIN files ON files.blob_id = blobs.id WHERE blobs.digest = ?1 LIMIT 1",
  sourcesOf:
    "SELECT sources.kind, sources.location, sources.encoding FROM blobs JOIN files ON files.blob_id = blobs.id JOIN sources ON sources.file_id = files.id WHERE blobs.digest = ?1 LIMIT ?2",
  namesOf:
    "SELECT models.name AS model, versions.name AS version, files.path FROM blobs JOIN files ON files.blob_id = blobs.id JOIN versions ON versions.id = files.version_id JOIN models ON models.id = versions.model_id WHERE blobs.digest = ?1 LIMIT ?2",

  findModel:
    "SELECT id, name AS model, created_at AS createdAtS, updated_at AS updatedAtS FROM models WHERE name = ?1",
  hasModel: "SELECT 1 FROM models WHERE name = ?1",
  versionsOfModel:
    "SELECT name AS version, created_at AS createdAtS, size_bytes AS sizeBytes, file_count AS files FROM versions WHERE model_id = ?1 ORDER BY created_at DESC, name DESC",
  aliasesOfModel:
    "SELECT aliases.name AS alias, versions.name AS version FROM aliases JOIN versions ON versions.id = aliases.version_id WHERE aliases.model_id = ?1 ORDER BY aliases.name",
  latestOfModel: "SELECT latest AS version FROM models WHERE name = ?1",
  bestOfModel: "SELECT best AS version, best_by AS metric FROM models WHERE name = ?1",
  metricsOfModel:
    "SELECT versions.name AS version, version_metrics.name AS metric, version_metrics.value FROM versions JOIN version_metrics ON version_metrics.version_id = versions.id WHERE versions.model_id = ?1 ORDER BY versions.name, version_metrics.name",
  metricsOfVersion: "SELECT name AS metric, value FROM version_metrics WHERE version_id = ?1 ORDER BY name",
  resolveVersion:
    "SELECT name AS version FROM versions WHERE model_id = (SELECT id FROM models WHERE name = ?1) AND name = ?2",
  resolveAlias:
    "SELECT name AS version FROM versions WHERE id = (SELECT version_id FROM aliases WHERE model_id = (SELECT id FROM models WHERE name = ?1) AND name = ?2)",
  findVersion:
    "SELECT id, created_at AS createdAtS, size_bytes AS sizeBytes FROM versions WHERE model_id = (SELECT id FROM models WHERE name = ?1) AND name = ?2",
  filesOfVersion:
    "SELECT files.id, files.path, files.git_oid AS gitOid, blobs.digest, blobs.size_bytes AS sizeBytes FROM files JOIN blobs ON blobs.id = files.blob_id WHERE files.version_id = ?1 ORDER BY files.path",
  sourcesOfVersion:
    "SELECT sources.file_id AS fileId, sources.kind, sources.location, sources.encoding FROM files JOIN sources ON sources.file_id = files.id WHERE files.version_id = ?1 ORDER BY sources.file_id, sources.position",
  variantsOfVersion:
    "SELECT variants.name, variants.status, files.path FROM variants LEFT JOIN variant_files ON variant_files.variant_id = variants.id LEFT JOIN files ON files.id = variant_files.file_id WHERE variants.version_id = ?1 ORDER BY variants.name, files.path",
  findFile:
    "SELECT ?3 AS path, digest, size_bytes AS sizeBytes, state, modified_ms AS modifiedMs FROM blobs WHERE id = (SELECT blob_id FROM files WHERE version_id = (SELECT id FROM versions WHERE model_id = (SELECT id FROM models WHERE name = ?1) AND name = ?2) AND path = ?3)",
  listModels:
    "SELECT name AS model, version_count AS versionCount, latest, size_bytes AS sizeBytes, updated_at AS updatedAtS FROM models WHERE name > ?1 ORDER BY name LIMIT ?2",
  searchModels:
    "SELECT name AS model, version_count AS versionCount, latest, size_bytes AS sizeBytes, updated_at AS updatedAtS FROM models WHERE name > ?1 AND name LIKE ?3 ESCAPE '\\' ORDER BY name LIMIT ?2",
  totals: "SELECT models, versions, blobs, blob_bytes AS blobBytes FROM totals WHERE id = 1",

  findScan:
    "SELECT model, version, scanned_at AS scannedAtS, document FROM scans WHERE model = ?1 AND version = ?2",
  variantNotes:
    "SELECT model, version, variant, bytes_done AS bytesDone, error, updated_at AS updatedAtS FROM variant_notes WHERE model = ?1 AND version = ?2 ORDER BY variant",

  findToken:
    "SELECT id, name, digest, scopes, created_at AS createdAtS, expires_at AS expiresAtS FROM tokens WHERE digest = ?1",
  listTokens:
    "SELECT id, name, digest, scopes, created_at AS createdAtS, expires_at AS expiresAtS FROM tokens ORDER BY id",
  getSetting: "SELECT value FROM settings WHERE key = ?1",

  accessByTime:
    "SELECT model, version, variant, count, used_at AS usedAtS, arrived_at AS arrivedAtS, load_ms AS loadMs, size_bytes AS sizeBytes FROM access WHERE used_at >= 0 ORDER BY used_at LIMIT ?1",
  accessByRecency:
    "SELECT model, version, variant, count, used_at AS usedAtS, arrived_at AS arrivedAtS, load_ms AS loadMs, size_bytes AS sizeBytes FROM access WHERE used_at >= 0 ORDER BY used_at DESC LIMIT ?1",
  accessByCount:
    "SELECT model, version, variant, count, used_at AS usedAtS, arrived_at AS arrivedAtS, load_ms AS loadMs, size_bytes AS sizeBytes FROM access WHERE count >= 0 ORDER BY count, used_at LIMIT ?1",
  accessBySize:
    "SELECT model, version, variant, count, used_at AS usedAtS, arrived_at AS arrivedAtS, load_ms AS loadMs, size_bytes AS sizeBytes FROM access WHERE size_bytes >= 0 ORDER BY size_bytes DESC LIMIT ?1",
  accessOf:
    "SELECT model, version, variant, count, used_at AS usedAtS, arrived_at AS arrivedAtS, load_ms AS loadMs, size_bytes AS sizeBytes FROM access WHERE model = ?1 ORDER BY version, variant",
  variantsOfFile:
    "SELECT name FROM variants WHERE id IN (SELECT variant_id FROM variant_files WHERE file_id = (SELECT id FROM files WHERE version_id = (SELECT id FROM versions WHERE model_id = (SELECT id FROM models WHERE name = ?1) AND name = ?2) AND path = ?3)) AND status = 'downloaded' ORDER BY name",
  usageHours: "SELECT model, variant, hour, count FROM usage_hours",
  usageFollows:
    "SELECT model, variant, next_model AS nextModel, next_variant AS nextVariant, count FROM usage_follows ORDER BY count DESC LIMIT ?1",
  listPreload:
    "SELECT reference, priority, origin, added_at AS addedAtS FROM preload_queue ORDER BY priority DESC, added_at, reference",
  findOptions: "SELECT model, variant, pinned, options FROM model_options WHERE model = ?1 ORDER BY variant",
  listPinned: "SELECT model, variant, pinned, options FROM model_options WHERE pinned = 1",
  listWatchedFiles:
    "SELECT folder, model, version, path, size_bytes AS sizeBytes, modified_ms AS modifiedMs, taken_at AS takenAtS FROM watched_files WHERE folder = ?1 ORDER BY model, version, path",

  listedModels:
    "SELECT models.name AS model, models.version_count AS versionCount, models.latest, models.size_bytes AS sizeBytes, models.updated_at AS updatedAtS, (SELECT group_concat(name, char(10) ORDER BY name) FROM variants WHERE version_id = versions.id AND status = 'downloaded') AS variants, (SELECT max(iif(path LIKE '%.gguf', 2, path LIKE '%.onnx')) FROM files WHERE version_id = versions.id) AS format, EXISTS (SELECT 1 FROM scans WHERE scans.model = models.name) AS isScanned, EXISTS (SELECT 1 FROM files JOIN sources ON sources.file_id = files.id WHERE files.version_id = versions.id AND sources.kind = 'url') AS hasUrl, (SELECT sum(count) FROM access WHERE access.model = models.name) AS uses, (SELECT max(used_at) FROM access WHERE access.model = models.name AND count > 0) AS usedAtS FROM models JOIN versions ON versions.model_id = models.id AND versions.name = models.latest WHERE models.name > ?1 ORDER BY models.name LIMIT ?2",
  findListedModel:
    "SELECT models.name AS model, models.version_count AS versionCount, models.latest, models.size_bytes AS sizeBytes, models.updated_at AS updatedAtS, (SELECT group_concat(name, char(10) ORDER BY name) FROM variants WHERE version_id = versions.id AND status = 'downloaded') AS variants, (SELECT max(iif(path LIKE '%.gguf', 2, path LIKE '%.onnx')) FROM files WHERE version_id = versions.id) AS format, EXISTS (SELECT 1 FROM scans WHERE scans.model = models.name) AS isScanned, EXISTS (SELECT 1 FROM files JOIN sources ON sources.file_id = files.id WHERE files.version_id = versions.id AND sources.kind = 'url') AS hasUrl, (SELECT sum(count) FROM access WHERE access.model = models.name) AS uses, (SELECT max(used_at) FROM access WHERE access.model = models.name AND count > 0) AS usedAtS FROM models JOIN versions ON versions.model_id = models.id AND versions.name = models.latest WHERE models.name = ?1",
  notedModels: "SELECT DISTINCT model FROM variant_notes WHERE model > ?1 ORDER BY model LIMIT ?2",
  scannedModels: "SELECT DISTINCT model FROM scans WHERE model > ?1 ORDER BY model LIMIT ?2",
  notesOfModel:
    "SELECT version, variant, updated_at AS updatedAtS FROM variant_notes WHERE model = ?1 ORDER BY updated_at DESC, version, variant",
  newestScan:
    "SELECT version, scanned_at AS scannedAtS FROM scans WHERE model = ?1 ORDER BY scanned_at DESC, version DESC LIMIT 1",
  dataVersion: "PRAGMA data_version",
} as const;

/** What the writing connection prepares. */
export const WRITE_SQL = {
  putBlob:
    "INSERT INTO blobs (digest, size_bytes, state, chunk_digests, verified_at, modified_ms) VALUES (?1, ?2, 'intact', ?3, ?4, ?5) ON CONFLICT (digest) DO UPDATE SET size_bytes = excluded.size_bytes, state = 'intact', chunk_digests = coalesce(excluded.chunk_digests, chunk_digests), verified_at = coalesce(excluded.verified_at, verified_at), modified_ms = coalesce(excluded.modified_ms, modified_ms)",
  // Either of the two may be known with another one: the last word counts.
  putGitOid: "INSERT OR REPLACE INTO git_oids (oid, blob_id) SELECT ?1, id FROM blobs WHERE digest = ?2",
  expectBlob:
    "INSERT INTO blobs (digest, size_bytes, state) VALUES (?1, ?2, 'missing') ON CONFLICT (digest) DO NOTHING",
  restoreBlob:
    "INSERT INTO blobs (digest, size_bytes, state, chunk_digests) VALUES (?1, ?2, 'missing', ?3) ON CONFLICT (digest) DO UPDATE SET size_bytes = excluded.size_bytes, state = iif(size_bytes = excluded.size_bytes, state, 'damaged'), chunk_digests = coalesce(chunk_digests, excluded.chunk_digests)",
  findBlob: "SELECT id, size_bytes AS sizeBytes FROM blobs WHERE digest = ?1",
  setBlobState: "UPDATE blobs SET state = ?2 WHERE digest = ?1",
  setVerified:
    "UPDATE blobs SET state = 'intact', verified_at = ?2, chunk_digests = coalesce(?3, chunk_digests), modified_ms = ?4 WHERE digest = ?1",
  forgetUnreferenced:
    "DELETE FROM blobs WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE files.blob_id = blobs.id)",
  chunksAfter:
    "SELECT digest, size_bytes AS sizeBytes, chunk_digests AS chunkDigests FROM blobs WHERE digest > ?1 AND state = 'intact' AND chunk_digests IS NOT NULL ORDER BY digest LIMIT ?2",

  putModel:
    "INSERT INTO models (name, created_at, updated_at, version_count, latest, size_bytes) VALUES (?1, ?2, ?2, 0, '', 0) ON CONFLICT (name) DO UPDATE SET created_at = min(created_at, ?2), updated_at = max(updated_at, ?2) RETURNING id",
  findModel: "SELECT id FROM models WHERE name = ?1",
  versionsOfModel:
    "SELECT id, name AS version, created_at AS createdAtS, size_bytes AS sizeBytes FROM versions WHERE model_id = ?1",
  updateModel:
    "UPDATE models SET updated_at = max(updated_at, ?2), version_count = ?3, latest = ?4, size_bytes = ?5, best = ?6, best_by = ?7 WHERE id = ?1",
  removeModel: "DELETE FROM models WHERE id = ?1",
  putVersion:
    "INSERT INTO versions (model_id, name, created_at, size_bytes, file_count) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (model_id, name) DO UPDATE SET created_at = ?3, size_bytes = ?4, file_count = ?5 RETURNING id",
  findVersion: "SELECT id FROM versions WHERE model_id = ?1 AND name = ?2",
  measuredVersions:
    "SELECT versions.name AS version, versions.created_at AS createdAtS, version_metrics.name AS metric, version_metrics.value FROM versions JOIN version_metrics ON version_metrics.version_id = versions.id WHERE versions.model_id = ?1",
  putMetric: "INSERT INTO version_metrics (version_id, name, value) VALUES (?1, ?2, ?3)",
  clearMetrics: "DELETE FROM version_metrics WHERE version_id = ?1",
  removeVersion: "DELETE FROM versions WHERE id = ?1",
  digestsOfVersion:
    "SELECT DISTINCT blobs.digest FROM files JOIN blobs ON blobs.id = files.blob_id WHERE files.version_id = ?1",
  isReferenced: "SELECT 1 FROM blobs JOIN files ON files.blob_id = blobs.id WHERE blobs.digest = ?1 LIMIT 1",
  clearFiles: "DELETE FROM files WHERE version_id = ?1",
  putFile: "INSERT INTO files (version_id, path, blob_id, git_oid) VALUES (?1, ?2, ?3, ?4) RETURNING id",
  putSource: "INSERT INTO sources (file_id, position, kind, location, encoding) VALUES (?1, ?2, ?3, ?4, ?5)",
  clearVariants: "DELETE FROM variants WHERE version_id = ?1",
  putVariant: "INSERT INTO variants (version_id, name, status) VALUES (?1, ?2, ?3) RETURNING id",
  putVariantFile: "INSERT INTO variant_files (variant_id, file_id) VALUES (?1, ?2)",
  putAlias:
    "INSERT INTO aliases (model_id, name, version_id) VALUES (?1, ?2, ?3) ON CONFLICT (model_id, name) DO UPDATE SET version_id = ?3",
  removeAlias: "DELETE FROM aliases WHERE model_id = ?1 AND name = ?2",
  touchModel: "UPDATE models SET updated_at = max(updated_at, ?2) WHERE id = ?1",

  putScan:
    "INSERT INTO scans (model, version, scanned_at, document) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (model, version) DO UPDATE SET scanned_at = ?3, document = ?4",
  oldScans:
    "SELECT version FROM scans WHERE model = ?1 ORDER BY scanned_at DESC, version DESC LIMIT -1 OFFSET ?2",
  removeScan: "DELETE FROM scans WHERE model = ?1 AND version = ?2",
  removeScans: "DELETE FROM scans WHERE model = ?1",
  putVariantNote:
    "INSERT INTO variant_notes (model, version, variant, bytes_done, error, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (model, version, variant) DO UPDATE SET bytes_done = ?4, error = ?5, updated_at = ?6",
  removeVariantNote: "DELETE FROM variant_notes WHERE model = ?1 AND version = ?2 AND variant = ?3",
  removeNotesOfVersion: "DELETE FROM variant_notes WHERE model = ?1 AND version = ?2",
  removeNotesOfModel: "DELETE FROM variant_notes WHERE model = ?1",

  putPull:
    "INSERT INTO pulls (id, model, version, variant, state, created_at, updated_at, finished_at, request, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET model = ?2, version = ?3, variant = ?4, state = ?5, created_at = ?6, updated_at = ?7, finished_at = ?8, request = ?9, error = ?10",
  putPullFile:
    "INSERT INTO pull_files (pull_id, position, path, urls, size_bytes, digest, bytes_done, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (pull_id, position) DO UPDATE SET path = ?3, urls = ?4, size_bytes = ?5, digest = ?6, bytes_done = ?7, state = ?8",
  cutPullFiles: "DELETE FROM pull_files WHERE pull_id = ?1 AND position >= ?2",
  putToken:
    "INSERT INTO tokens (id, name, digest, scopes, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET name = ?2, digest = ?3, scopes = ?4, created_at = ?5, expires_at = ?6",
  removeToken: "DELETE FROM tokens WHERE id = ?1",
  setSetting: "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
  findSetting: "SELECT value FROM settings WHERE key = ?1",
  removeSetting: "DELETE FROM settings WHERE key = ?1",

  putAccess:
    "INSERT INTO access (model, version, variant, count, used_at, arrived_at, loads, size_bytes) VALUES (?1, ?2, ?3, 0, ?4, ?4, 0, ?5) ON CONFLICT (model, version, variant) DO UPDATE SET size_bytes = ?5",
  addAccess:
    "UPDATE access SET count = count + ?4, used_at = max(used_at, ?5), load_ms = iif(?7 > 0, (coalesce(load_ms, 0) * loads + ?6) / (loads + ?7), load_ms), loads = loads + ?7 WHERE model = ?1 AND version = ?2 AND variant = ?3",
  accessNames: "SELECT variant AS name FROM access WHERE model = ?1 AND version = ?2",
  forgetVariantAccess: "DELETE FROM access WHERE model = ?1 AND version = ?2 AND variant = ?3",
  forgetVersionAccess: "DELETE FROM access WHERE model = ?1 AND version = ?2",
  forgetModelAccess: "DELETE FROM access WHERE model = ?1",
  addHour:
    "INSERT INTO usage_hours (model, variant, hour, count) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (model, variant, hour) DO UPDATE SET count = count + ?4",
  forgetHours: "DELETE FROM usage_hours WHERE model = ?1",
  addFollow:
    "INSERT INTO usage_follows (model, variant, next_model, next_variant, count) VALUES (?1, ?2, ?3, ?4, ?5)",
  countFollowers: "SELECT count(*) AS count FROM usage_follows WHERE model = ?1 AND variant = ?2",
  countFollow:
    "UPDATE usage_follows SET count = count + ?5 WHERE model = ?1 AND variant = ?2 AND next_model = ?3 AND next_variant = ?4",
  replaceFollow:
    "UPDATE usage_follows SET next_model = ?3, next_variant = ?4, count = count + ?5 WHERE model = ?1 AND variant = ?2 AND (next_model, next_variant) = (SELECT next_model, next_variant FROM usage_follows WHERE model = ?1 AND variant = ?2 ORDER BY count LIMIT 1)",
  forgetFollows: "DELETE FROM usage_follows WHERE model = ?1",
  putPreload:
    "INSERT INTO preload_queue (reference, priority, origin, added_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (reference) DO UPDATE SET priority = ?2, origin = ?3, added_at = ?4",
  removePreload: "DELETE FROM preload_queue WHERE reference = ?1",
  clearPreload: "DELETE FROM preload_queue",
  putOptions:
    "INSERT INTO model_options (model, variant, pinned, options) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (model, variant) DO UPDATE SET pinned = ?3, options = ?4",
  removeOptions: "DELETE FROM model_options WHERE model = ?1 AND variant = ?2",
  forgetOptions: "DELETE FROM model_options WHERE model = ?1",
  putWatchedFile:
    "INSERT OR REPLACE INTO watched_files (folder, model, version, path, size_bytes, modified_ms, taken_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
  removeWatchedFiles: "DELETE FROM watched_files WHERE folder = ?1 AND model = ?2 AND version = ?3",

  dataVersion: "PRAGMA data_version",
} as const;
