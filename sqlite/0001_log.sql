-- tricast's log: events in one order, documents beside them.
-- Each file here is one transaction, applied once, in the order of the numbers;
-- PRAGMA user_version says how far a file has come.

PRAGMA application_id = 1953655139;  -- 'tric'

-- `body` is the event's JSON without `specversion` and `cursor`. It comes last, so
-- that the columns before it are read without following a large row's overflow pages.
CREATE TABLE events (
  offset  INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  shelf   TEXT NOT NULL,
  topic   TEXT NOT NULL,
  type    TEXT NOT NULL,
  subject TEXT,
  body    BLOB NOT NULL
) STRICT;

-- The lives of the log. `began` is the head at which the life began.
CREATE TABLE epochs (
  number INTEGER PRIMARY KEY,
  id     TEXT NOT NULL UNIQUE,
  began  INTEGER NOT NULL
) STRICT;

-- Retention classes. Events of a class at or below `floor` may be gone; `floor_ms` is
-- the append time of the last that went. `events` and `bytes` hold as of counted.upto.
CREATE TABLE classes (
  shelf    TEXT NOT NULL,
  app      TEXT NOT NULL,
  floor    INTEGER NOT NULL DEFAULT 0,
  floor_ms INTEGER NOT NULL DEFAULT 0,
  events   INTEGER NOT NULL DEFAULT 0,
  bytes    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (shelf, app)
) STRICT, WITHOUT ROWID;

-- The last offset of each topic that has events, as of counted.upto.
CREATE TABLE topics (
  topic TEXT PRIMARY KEY,
  last  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far `classes` and `topics` have counted; the events after it are counted at start.
-- (Writing them with each append would cost a third of the throughput.)
CREATE TABLE counted (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  upto INTEGER NOT NULL
) STRICT;

INSERT INTO counted VALUES (1, 0);

-- Ids that publishers gave, for 24 hours. `offset` is that of the event, so that the
-- oldest come first.
CREATE TABLE idempotency (
  offset  INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  app     TEXT NOT NULL,
  source  TEXT NOT NULL,
  id      TEXT NOT NULL,
  digest  BLOB NOT NULL,
  UNIQUE (app, source, id)
) STRICT;

CREATE TABLE documents (
  kind    TEXT NOT NULL,
  key     TEXT NOT NULL,
  version INTEGER NOT NULL,
  value   BLOB NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
