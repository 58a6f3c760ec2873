-- Who the people of an identity provider are here: by issuer and subject, never by an e-mail address.
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    last_login_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user ON identities (user_id);

-- Browsers that were sent to log in there and are not back yet. The code verifier and the nonce are not here: they follow
-- from the browser's cookie and the state, of which only hashes are.
CREATE TABLE login_attempts (
    state_hash BYTEA PRIMARY KEY,
    browser_hash BYTEA NOT NULL,          -- SHA-256 of the cookie that must come back with the answer
    issuer TEXT NOT NULL,
    iss_required BOOLEAN NOT NULL,       -- RFC 9207
    client_id TEXT NOT NULL,
    resource TEXT,
    scope TEXT NOT NULL,
    next TEXT,                           -- a path of ours to go to afterwards
    allowed_request TEXT,                -- the authorization request that the person has allowed
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX login_attempts_browser ON login_attempts (browser_hash);
CREATE INDEX login_attempts_expiry ON login_attempts (expires_at);

-- Which login there a session here came from.
CREATE TABLE session_identities (
    session_id UUID PRIMARY KEY REFERENCES user_sessions (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT                             -- the session there
);
CREATE INDEX session_identities_sid ON session_identities (issuer, sid);

-- Logout tokens that were used, until they have expired anyway.
CREATE TABLE logout_tokens (
    hash BYTEA PRIMARY KEY,               -- SHA-256 of issuer and jti
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX logout_tokens_expiry ON logout_tokens (expires_at);
