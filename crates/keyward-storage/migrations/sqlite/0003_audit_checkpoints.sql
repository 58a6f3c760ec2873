-- Signed statements about the audit log. Each binds the one before it; none is ever removed.
CREATE TABLE audit_checkpoints (
    number INTEGER PRIMARY KEY,          -- from 1, without gaps
    log_id TEXT NOT NULL,
    seq INTEGER NOT NULL,                -- the last record it covers
    hash BLOB NOT NULL,                  -- the chain's hash there
    start_seq INTEGER NOT NULL,          -- records up to this one were removed by retention; 0: none
    start_hash BLOB NOT NULL,            -- the chain's hash there
    created_at TEXT NOT NULL,
    previous BLOB NOT NULL,              -- SHA-256 of the checkpoint before
    public_key BLOB NOT NULL,            -- Ed25519; its private half is sealed in the table tokens
    next_key BLOB,                       -- the key that signs from the next checkpoint on, when it is another
    signature BLOB NOT NULL
) STRICT;
CREATE INDEX audit_checkpoints_seq ON audit_checkpoints (seq);
