-- How often and when each variant that is here was used. One that was never used has the time of its arrival.
CREATE TABLE access (
  model      TEXT    NOT NULL,
  version    TEXT    NOT NULL,
  variant    TEXT    NOT NULL,
  count      INTEGER NOT NULL,
  used_at    REAL    NOT NULL,
  -- When it came: with its version, or later.
  arrived_at REAL    NOT NULL,
  -- Mean of its loads; null before the first.
  load_ms    REAL,
  loads      INTEGER NOT NULL,
  -- Of its files, each blob once.
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (model, version, variant)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_by_time ON access (used_at);
CREATE INDEX access_by_count ON access (count, used_at);
CREATE INDEX access_by_size ON access (size_bytes);

INSERT INTO access
SELECT models.name, versions.name, variants.name, 0, versions.created_at, versions.created_at, NULL, 0,
  (SELECT coalesce(sum(size_bytes), 0) FROM blobs WHERE id IN (
    SELECT blob_id FROM files WHERE id IN (SELECT file_id FROM variant_files WHERE variant_id = variants.id)))
FROM variants JOIN versions ON versions.id = variants.version_id JOIN models ON models.id = versions.model_id
WHERE variants.status = 'downloaded';

-- When models are used, whatever their version: hours of the week from Monday 0:00 local time on, 0 to 167.
CREATE TABLE usage_hours (
  model   TEXT    NOT NULL,
  variant TEXT    NOT NULL,
  hour    INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 167),
  count   INTEGER NOT NULL,
  PRIMARY KEY (model, variant, hour)
) STRICT, WITHOUT ROWID;

-- Which model is used next after another one.
CREATE TABLE usage_follows (
  model        TEXT    NOT NULL,
  variant      TEXT    NOT NULL,
  next_model   TEXT    NOT NULL,
  next_variant TEXT    NOT NULL,
  count        INTEGER NOT NULL,
  PRIMARY KEY (model, variant, next_model, next_variant)
) STRICT, WITHOUT ROWID;

CREATE TABLE preload_queue (
  -- As it was given: a name that moves is looked up when its turn comes.
  reference TEXT    NOT NULL PRIMARY KEY,
  priority  INTEGER NOT NULL,
  origin    TEXT    NOT NULL CHECK (origin IN ('user', 'restart')),
  added_at  REAL    NOT NULL
) STRICT, WITHOUT ROWID;

-- What a user has set for a model, and with a variant's name for that variant; '' is all of them.
CREATE TABLE model_options (
  model   TEXT    NOT NULL,
  variant TEXT    NOT NULL,
  -- Kept on disk and in memory.
  pinned  INTEGER NOT NULL CHECK (pinned IN (0, 1)),
  -- JSON
  options TEXT    NOT NULL,
  PRIMARY KEY (model, variant)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_options_pinned ON model_options (pinned, model);

-- Files of watched folders, as they were when a version was made of them; the newest version of a model is what lies there now.
CREATE TABLE watched_files (
  folder      TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  version     TEXT    NOT NULL,
  path        TEXT    NOT NULL,
  size_bytes  INTEGER NOT NULL,
  modified_ms REAL    NOT NULL,
  taken_at    REAL    NOT NULL,
  PRIMARY KEY (folder, model, version, path)
) STRICT, WITHOUT ROWID;

-- The file's time of change when its bytes were last seen to be right, in milliseconds; null when nobody noted it.
ALTER TABLE blobs ADD COLUMN modified_ms REAL;
-- What is damaged or missing is asked for all the time, and is nearly always nothing.
CREATE INDEX blobs_lost ON blobs (digest) WHERE state <> 'intact';
