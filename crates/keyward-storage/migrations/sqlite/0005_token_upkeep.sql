-- Rotations of tokens that failed, and reminders that were given. By name: a token may lie in a store elsewhere.
CREATE TABLE token_upkeep (
    service_id TEXT NOT NULL,
    token_key TEXT NOT NULL,
    owner TEXT NOT NULL,                 -- '' is shared, else a user's id
    failures INTEGER NOT NULL,
    retry_at TEXT,
    reminded_expires_at TEXT,                   -- the end that was last reminded of
    reminded_before_s INTEGER,           -- how long before it that reminder was due
    PRIMARY KEY (service_id, token_key, owner)
) STRICT;

CREATE INDEX token_versions_end ON token_versions (usable_until);
CREATE INDEX tokens_expiry ON tokens (expires_at);
