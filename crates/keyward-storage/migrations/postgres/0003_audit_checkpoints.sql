-- Signed statements about the audit log. Each binds the one before it; none is ever removed.
CREATE TABLE audit_checkpoints (
    number BIGINT PRIMARY KEY,          -- from 1, without gaps
    log_id UUID NOT NULL,
    seq BIGINT NOT NULL,                -- the last record it covers
    hash BYTEA NOT NULL,                  -- the chain's hash there
    start_seq BIGINT NOT NULL,          -- records up to this one were removed by retention; 0: none
    start_hash BYTEA NOT NULL,            -- the chain's hash there
    created_at TIMESTAMPTZ NOT NULL,
    previous BYTEA NOT NULL,              -- SHA-256 of the checkpoint before
    public_key BYTEA NOT NULL,            -- Ed25519; its private half is sealed in the table tokens
    next_key BYTEA,                       -- the key that signs from the next checkpoint on, when it is another
    signature BYTEA NOT NULL
);
CREATE INDEX audit_checkpoints_seq ON audit_checkpoints (seq);
