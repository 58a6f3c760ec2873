-- The rotation of data keys that is under way, so that one that was killed goes on rather than begins again.
CREATE TABLE key_rotation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    target TEXT NOT NULL,                -- the data key that it seals with
    started_at TIMESTAMPTZ NOT NULL
);
