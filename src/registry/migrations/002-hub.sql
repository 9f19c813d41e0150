-- Git's names of contents: 40 lower-case hexadecimal digits, the SHA-1 of `blob <length>\0` and the bytes.

ALTER TABLE files ADD COLUMN git_oid TEXT;

CREATE TABLE git_oids (
  oid     TEXT    NOT NULL PRIMARY KEY,
  blob_id INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX git_oids_by_blob ON git_oids (blob_id);

-- The next two name models and versions that may not be here, so they refer to no other table.
CREATE TABLE scans (
  model      TEXT NOT NULL,
  version    TEXT NOT NULL,
  scanned_at REAL NOT NULL,
  -- JSON
  document   TEXT NOT NULL,
  PRIMARY KEY (model, version)
) STRICT;
CREATE INDEX scans_by_time ON scans (model, scanned_at, version);

CREATE TABLE variant_notes (
  model      TEXT    NOT NULL,
  version    TEXT    NOT NULL,
  variant    TEXT    NOT NULL,
  bytes_done INTEGER NOT NULL,
  -- JSON
  error      TEXT    NOT NULL,
  updated_at REAL    NOT NULL,
  PRIMARY KEY (model, version, variant)
) STRICT, WITHOUT ROWID;
