-- What is kept of a cafe. A version is of one state of one document; `deadline` repeats what the body says.
CREATE TABLE documents (
    cafe TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    deadline INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (cafe, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadlines ON documents (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX accounts ON documents (cafe) WHERE key = 'account';
-- Found without knowing the cafe. A query must repeat the condition word for word to be answered from here.
CREATE UNIQUE INDEX places ON documents (key)
WHERE key GLOB 'launcher:*' OR key GLOB 'token:*' OR key GLOB 'session:*';

CREATE TABLE settlements (
    session TEXT PRIMARY KEY,
    cafe TEXT NOT NULL,
    game TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settlements_by_end ON settlements (ended_at, session);
CREATE INDEX settlements_of_cafe ON settlements (cafe, ended_at, session);
CREATE INDEX settlements_of_game ON settlements (game, ended_at, session);
