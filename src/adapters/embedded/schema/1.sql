-- Channels by number, so that members and events carry a small key. A channel made anew has a new number and epoch.
CREATE TABLE channels (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    game TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    spec TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    head INTEGER NOT NULL,
    members INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    vacant_since INTEGER,
    UNIQUE (game, id)
) STRICT;
CREATE INDEX vacant_channels ON channels (vacant_since) WHERE vacant_since IS NOT NULL;

CREATE TABLE members (
    channel INTEGER NOT NULL,
    player INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    PRIMARY KEY (channel, player)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    channel INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    is_chat INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (channel, sequence)
) STRICT, WITHOUT ROWID;

-- Appends with an idempotency key, while repeats may come.
CREATE TABLE publications (
    channel INTEGER NOT NULL,
    key TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX old_publications ON publications (at);

-- A player is one document; `node` repeats where the live login is.
CREATE TABLE players (
    game TEXT NOT NULL,
    player TEXT NOT NULL,
    node TEXT,
    state TEXT NOT NULL,
    PRIMARY KEY (game, player)
) STRICT, WITHOUT ROWID;
CREATE INDEX logins ON players (node) WHERE node IS NOT NULL;

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    lease_until INTEGER NOT NULL,
    claimed_by TEXT,
    retired INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX mailboxes ON mail (node, id);

CREATE TABLE inbox (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    game TEXT NOT NULL,
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    answer BLOB,
    UNIQUE (game, source, key)
) STRICT;
CREATE INDEX inbox_by_age ON inbox (source, at);
CREATE INDEX inbox_pending ON inbox (source, at) WHERE answer IS NULL;
