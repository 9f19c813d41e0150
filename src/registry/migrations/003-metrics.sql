-- How good a version is, as whoever gave it says: `f1`, `log_loss`.
CREATE TABLE version_metrics (
  version_id INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  value      REAL    NOT NULL,
  PRIMARY KEY (version_id, name)
) STRICT, WITHOUT ROWID;

-- What `best` stands for and by which metric; follows from the metrics as `latest` does from the names. Null when there are none.
ALTER TABLE models ADD COLUMN best TEXT;
ALTER TABLE models ADD COLUMN best_by TEXT;
