-- Times are Unix seconds with fractions, sizes are bytes, digests are 64 lower-case hexadecimal digits.

CREATE TABLE models (
  id            INTEGER PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  created_at    REAL    NOT NULL,
  updated_at    REAL    NOT NULL,
  -- The next three follow from the model's versions; kept here so that a listing reads one table.
  version_count INTEGER NOT NULL,
  latest        TEXT    NOT NULL,
  size_bytes    INTEGER NOT NULL
) STRICT;

CREATE TABLE versions (
  id         INTEGER PRIMARY KEY,
  model_id   INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  created_at REAL    NOT NULL,
  size_bytes INTEGER NOT NULL,
  file_count INTEGER NOT NULL,
  UNIQUE (model_id, name)
) STRICT;

CREATE TABLE blobs (
  id            INTEGER PRIMARY KEY,
  digest        TEXT    NOT NULL UNIQUE,
  size_bytes    INTEGER NOT NULL,
  state         TEXT    NOT NULL CHECK (state IN ('intact', 'damaged', 'missing')),
  verified_at   REAL,
  -- 32 bytes a chunk, in order.
  chunk_digests BLOB
) STRICT;

CREATE TABLE files (
  id         INTEGER PRIMARY KEY,
  version_id INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  path       TEXT    NOT NULL,
  blob_id    INTEGER NOT NULL REFERENCES blobs (id),
  UNIQUE (version_id, path)
) STRICT;
CREATE INDEX files_by_blob ON files (blob_id);

CREATE TABLE sources (
  file_id  INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  kind     TEXT    NOT NULL CHECK (kind IN ('url', 'path')),
  location TEXT    NOT NULL,
  encoding TEXT    CHECK (encoding IN ('gzip', 'zstd')),
  PRIMARY KEY (file_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE variants (
  id         INTEGER PRIMARY KEY,
  version_id INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  status     TEXT    NOT NULL CHECK (status IN ('available', 'downloading', 'downloaded', 'failed')),
  UNIQUE (version_id, name)
) STRICT;

CREATE TABLE variant_files (
  variant_id INTEGER NOT NULL REFERENCES variants (id) ON DELETE CASCADE,
  file_id    INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  PRIMARY KEY (variant_id, file_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX variant_files_by_file ON variant_files (file_id);

CREATE TABLE aliases (
  model_id   INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  version_id INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  PRIMARY KEY (model_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_version ON aliases (version_id);

CREATE TABLE pulls (
  id          TEXT NOT NULL PRIMARY KEY,
  model       TEXT NOT NULL,
  version     TEXT,
  variant     TEXT NOT NULL,
  state       TEXT NOT NULL
              CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
  created_at  REAL NOT NULL,
  updated_at  REAL NOT NULL,
  finished_at REAL,
  -- JSON
  request     TEXT,
  error       TEXT
) STRICT;
CREATE INDEX pulls_by_time ON pulls (created_at, id);
CREATE INDEX pulls_by_state ON pulls (state, created_at, id);

CREATE TABLE pull_files (
  pull_id    TEXT    NOT NULL REFERENCES pulls (id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  path       TEXT    NOT NULL,
  -- JSON
  urls       TEXT    NOT NULL,
  size_bytes INTEGER,
  digest     TEXT,
  bytes_done INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  PRIMARY KEY (pull_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  id         TEXT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  digest     TEXT NOT NULL UNIQUE,
  -- JSON
  scopes     TEXT NOT NULL,
  created_at REAL NOT NULL,
  expires_at REAL
) STRICT;

CREATE TABLE settings (
  key   TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- One row of counts, so that none of them walks a table. `blob_bytes` leaves missing blobs out.
CREATE TABLE totals (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  models     INTEGER NOT NULL,
  versions   INTEGER NOT NULL,
  blobs      INTEGER NOT NULL,
  blob_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0);

CREATE TRIGGER models_added AFTER INSERT ON models BEGIN
  UPDATE totals SET models = models + 1 WHERE id = 1;
END;
CREATE TRIGGER models_removed AFTER DELETE ON models BEGIN
  UPDATE totals SET models = models - 1 WHERE id = 1;
END;
CREATE TRIGGER versions_added AFTER INSERT ON versions BEGIN
  UPDATE totals SET versions = versions + 1 WHERE id = 1;
END;
CREATE TRIGGER versions_removed AFTER DELETE ON versions BEGIN
  UPDATE totals SET versions = versions - 1 WHERE id = 1;
END;
CREATE TRIGGER blobs_added AFTER INSERT ON blobs BEGIN
  UPDATE totals SET blobs = blobs + 1, blob_bytes = blob_bytes + iif(new.state = 'missing', 0, new.size_bytes)
  WHERE id = 1;
END;
CREATE TRIGGER blobs_removed AFTER DELETE ON blobs BEGIN
  UPDATE totals SET blobs = blobs - 1, blob_bytes = blob_bytes - iif(old.state = 'missing', 0, old.size_bytes)
  WHERE id = 1;
END;
CREATE TRIGGER blobs_changed AFTER UPDATE OF state, size_bytes ON blobs BEGIN
  UPDATE totals SET blob_bytes = blob_bytes
    - iif(old.state = 'missing', 0, old.size_bytes) + iif(new.state = 'missing', 0, new.size_bytes)
  WHERE id = 1;
END;
