-- The order of a game's records, and up to where it has been dropped.
CREATE INDEX inbox_by_game ON inbox (game, cursor);
CREATE TABLE inbox_dropped (
    game TEXT NOT NULL,
    source TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    PRIMARY KEY (game, source)
) STRICT, WITHOUT ROWID;
