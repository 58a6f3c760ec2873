-- People and their browsers.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,          -- lower case
    name TEXT,
    is_admin INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    disabled_at TEXT
) STRICT;

CREATE TABLE passwords (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    phc TEXT NOT NULL,                   -- Argon2id in PHC form
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE invites (
    hash BLOB PRIMARY KEY,            -- SHA-256 of the link's token
    email TEXT,
    is_admin INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    used_by TEXT REFERENCES users (id) ON DELETE SET NULL
) STRICT;

CREATE TABLE user_sessions (
    id TEXT PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_email TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_activity TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    auth_methods TEXT NOT NULL,
    user_agent TEXT,
    ended_at TEXT
) STRICT;
CREATE INDEX user_sessions_user ON user_sessions (user_id);

CREATE TABLE login_failures (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    last_at TEXT NOT NULL,
    locked_until TEXT
) STRICT;

-- OAuth.
CREATE TABLE clients (
    client_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('dynamic', 'static', 'metadata_document')),
    name TEXT,
    redirect_uris TEXT NOT NULL,         -- JSON array
    grant_types TEXT NOT NULL,           -- JSON array
    response_types TEXT NOT NULL,        -- JSON array
    token_endpoint_auth_method TEXT NOT NULL,
    secret_hash BLOB,
    registration_hash BLOB,
    application_type TEXT,
    metadata TEXT NOT NULL,              -- JSON object, all else as it was sent
    document_fetched_at TEXT,
    created_at TEXT NOT NULL,
    last_used_at TEXT,
    revoked_at TEXT
) STRICT;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    ended_at TEXT,
    end_reason TEXT
) STRICT;
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_ended ON grants (ended_at);

CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
) STRICT;

CREATE TABLE authorization_codes (
    hash BLOB PRIMARY KEY,
    grant_id TEXT REFERENCES grants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT,
    redirect_uri TEXT NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    nonce TEXT,
    auth_time TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT
) STRICT;
CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);

CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    successor_hash BLOB,
    successor_sealed BLOB,            -- the successor itself, for the grace; sealed
    successor_iv BLOB,
    successor_tag BLOB,
    successor_key_id TEXT
) STRICT;
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,                -- RFC 7638 thumbprint
    alg TEXT NOT NULL,
    public_jwk TEXT NOT NULL,            -- JSON object
    sealed BLOB NOT NULL,             -- PKCS #8
    iv BLOB NOT NULL,
    auth_tag BLOB NOT NULL,
    key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'published', 'retired')),
    created_at TEXT NOT NULL,
    retire_after TEXT
) STRICT;

CREATE TABLE bearer_tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user_email TEXT,
    scope TEXT NOT NULL,
    resources TEXT NOT NULL,             -- JSON array
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT,
    last_used_at TEXT
) STRICT;

-- The key cabinet.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL,
    token_key TEXT NOT NULL,
    owner TEXT NOT NULL,                 -- '' is shared, else a user's id
    encrypted_value BLOB NOT NULL,
    iv BLOB NOT NULL,
    auth_tag BLOB NOT NULL,
    version INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    expires_at TEXT,
    metadata TEXT NOT NULL,              -- JSON object
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (service_id, token_key, owner)
) STRICT;
CREATE INDEX tokens_key ON tokens (key_id);

CREATE TABLE token_versions (
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    encrypted_value BLOB NOT NULL,
    iv BLOB NOT NULL,
    auth_tag BLOB NOT NULL,
    key_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    usable_until TEXT NOT NULL,
    PRIMARY KEY (token_id, version)
) STRICT;
CREATE INDEX token_versions_key ON token_versions (key_id);

CREATE TABLE data_keys (
    key_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('active', 'decrypt_only', 'retired')),
    wrapped_key BLOB NOT NULL,
    wrapped_by TEXT NOT NULL,            -- id of the root key
    sealed_count INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX data_keys_one_active ON data_keys (state) WHERE state = 'active';

-- The audit log. seq has no gaps; hash covers prev_hash and every other column.
CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    service_id TEXT,
    action TEXT NOT NULL,
    user_email TEXT,
    token_key TEXT,
    result TEXT NOT NULL,
    created_at TEXT NOT NULL,
    client_id TEXT,
    request_id TEXT,
    detail TEXT,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_log_time ON audit_log (created_at);

-- What caches must see: bumped in the transaction that changes it.
CREATE TABLE changes (
    topic TEXT PRIMARY KEY,
    counter INTEGER NOT NULL
) STRICT;
