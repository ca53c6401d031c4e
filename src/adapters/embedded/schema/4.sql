-- A retired node leaves nothing behind.
DELETE FROM nodes WHERE retired;
ALTER TABLE nodes DROP COLUMN retired;
