-- People and their browsers.
CREATE TABLE users (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,          -- lower case
    name TEXT,
    is_admin BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ
);

CREATE TABLE passwords (
    user_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    phc TEXT NOT NULL,                   -- Argon2id in PHC form
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE invites (
    hash BYTEA PRIMARY KEY,            -- SHA-256 of the link's token
    email TEXT,
    is_admin BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    used_by UUID REFERENCES users (id) ON DELETE SET NULL
);

CREATE TABLE user_sessions (
    id UUID PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_email TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_activity TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    auth_methods TEXT NOT NULL,
    user_agent TEXT,
    ended_at TIMESTAMPTZ
);
CREATE INDEX user_sessions_user ON user_sessions (user_id);

CREATE TABLE login_failures (
    key TEXT PRIMARY KEY,
    count BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    locked_until TIMESTAMPTZ
);

-- OAuth.
CREATE TABLE clients (
    client_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('dynamic', 'static', 'metadata_document')),
    name TEXT,
    redirect_uris TEXT NOT NULL,         -- JSON array
    grant_types TEXT NOT NULL,           -- JSON array
    response_types TEXT NOT NULL,        -- JSON array
    token_endpoint_auth_method TEXT NOT NULL,
    secret_hash BYTEA,
    registration_hash BYTEA,
    application_type TEXT,
    metadata TEXT NOT NULL,              -- JSON object, all else as it was sent
    document_fetched_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);

CREATE TABLE grants (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    end_reason TEXT
);
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_ended ON grants (ended_at);

CREATE TABLE consents (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
);

CREATE TABLE authorization_codes (
    hash BYTEA PRIMARY KEY,
    grant_id UUID REFERENCES grants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id UUID,
    redirect_uri TEXT NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    nonce TEXT,
    auth_time TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ
);
CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);

CREATE TABLE refresh_tokens (
    hash BYTEA PRIMARY KEY,
    grant_id UUID NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    successor_hash BYTEA,
    successor_sealed BYTEA,            -- the successor itself, for the grace; sealed
    successor_iv BYTEA,
    successor_tag BYTEA,
    successor_key_id TEXT
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,                -- RFC 7638 thumbprint
    alg TEXT NOT NULL,
    public_jwk TEXT NOT NULL,            -- JSON object
    sealed BYTEA NOT NULL,             -- PKCS #8
    iv BYTEA NOT NULL,
    auth_tag BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'published', 'retired')),
    created_at TIMESTAMPTZ NOT NULL,
    retire_after TIMESTAMPTZ
);

CREATE TABLE bearer_tokens (
    id UUID PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user_email TEXT,
    scope TEXT NOT NULL,
    resources TEXT NOT NULL,             -- JSON array
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);

-- The key cabinet.
CREATE TABLE tokens (
    id UUID PRIMARY KEY,
    service_id TEXT NOT NULL,
    token_key TEXT NOT NULL,
    owner TEXT NOT NULL,                 -- '' is shared, else a user's id
    encrypted_value BYTEA NOT NULL,
    iv BYTEA NOT NULL,
    auth_tag BYTEA NOT NULL,
    version BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    expires_at TIMESTAMPTZ,
    metadata TEXT NOT NULL,              -- JSON object
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (service_id, token_key, owner)
);
CREATE INDEX tokens_key ON tokens (key_id);

CREATE TABLE token_versions (
    token_id UUID NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    encrypted_value BYTEA NOT NULL,
    iv BYTEA NOT NULL,
    auth_tag BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    usable_until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (token_id, version)
);
CREATE INDEX token_versions_key ON token_versions (key_id);

CREATE TABLE data_keys (
    key_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('active', 'decrypt_only', 'retired')),
    wrapped_key BYTEA NOT NULL,
    wrapped_by TEXT NOT NULL,            -- id of the root key
    sealed_count BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX data_keys_one_active ON data_keys (state) WHERE state = 'active';

-- The audit log. seq has no gaps; hash covers prev_hash and every other column.
CREATE TABLE audit_log (
    seq BIGINT PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    service_id TEXT,
    action TEXT NOT NULL,
    user_email TEXT,
    token_key TEXT,
    result TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    client_id TEXT,
    request_id UUID,
    detail TEXT,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX audit_log_time ON audit_log (created_at);

-- What caches must see: bumped in the transaction that changes it.
CREATE TABLE changes (
    topic TEXT PRIMARY KEY,
    counter BIGINT NOT NULL
);
