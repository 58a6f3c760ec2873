-- People's own grants at other authorization servers, sealed.
CREATE TABLE upstream_grants (
    id UUID PRIMARY KEY,
    connection TEXT NOT NULL,            -- its id in the configuration
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sealed BYTEA NOT NULL,               -- access and refresh token
    iv BYTEA NOT NULL,
    auth_tag BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'broken')),
    reason TEXT,                         -- why it is broken
    scope TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,             -- the registration that minted it
    resource TEXT,                       -- RFC 8707
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,     -- when this version was minted
    expires_at TIMESTAMPTZ,
    refresh_after TIMESTAMPTZ,
    refresh_began_at TIMESTAMPTZ,        -- a refresh whose outcome is not known
    failures BIGINT NOT NULL,            -- refreshes that failed since the last that did not
    UNIQUE (connection, user_id)
);
CREATE INDEX upstream_grants_user ON upstream_grants (user_id);
CREATE INDEX upstream_grants_key ON upstream_grants (key_id);

-- Keyward's own registrations there (RFC 7591).
CREATE TABLE upstream_clients (
    id UUID PRIMARY KEY,
    issuer TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    client_id TEXT NOT NULL,
    token_endpoint_auth_method TEXT NOT NULL,
    sealed BYTEA NOT NULL,               -- client secret, empty for none
    iv BYTEA NOT NULL,
    auth_tag BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    secret_expires_at TIMESTAMPTZ,
    UNIQUE (issuer, redirect_uri)
);
CREATE INDEX upstream_clients_key ON upstream_clients (key_id);

-- Browsers that were sent to another authorization server and are not back yet.
CREATE TABLE upstream_authorizations (
    id UUID PRIMARY KEY,
    state_hash BYTEA NOT NULL UNIQUE,    -- SHA-256 of the state parameter
    connection TEXT NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id UUID NOT NULL,
    issuer TEXT NOT NULL,
    iss_required BOOLEAN NOT NULL,       -- RFC 9207
    client_id TEXT NOT NULL,
    resource TEXT,
    scope TEXT NOT NULL,
    sealed BYTEA NOT NULL,               -- code verifier
    iv BYTEA NOT NULL,
    auth_tag BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX upstream_authorizations_user ON upstream_authorizations (user_id);
CREATE INDEX upstream_authorizations_expiry ON upstream_authorizations (expires_at);
