//! The vocabulary of the audit log: what happened, to what, by whom, with what result. Never a value of a secret.

use std::fmt;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::RequestId;

/// One act that the audit log records. Absent parts are `None`, never an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When it began.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub result: AuditResult,
    /// The MCP server, or the service whose token it was.
    pub service_id: Option<String>,
    /// The name of the token within its service; never its value.
    pub token_key: Option<String>,
    /// The person, by e-mail, as far as known.
    pub user_email: Option<String>,
    /// The OAuth client.
    pub client_id: Option<String>,
    /// The call this belongs to.
    pub request_id: Option<RequestId>,
    /// More facts, as a flat JSON object: tool, status, bytes, reason. No secret, no argument of a tool.
    pub detail: Option<String>,
}

impl AuditEvent {
    /// An event with only the parts that all have.
    pub const fn new(at: Timestamp, action: Action, result: AuditResult) -> Self {
        Self {
            at,
            action,
            result,
            service_id: None,
            token_key: None,
            user_email: None,
            client_id: None,
            request_id: None,
            detail: None,
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every word there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word as stored and exported.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What the word stands for; `None` when no word is written so.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// What was done.
    Action {
        /// One call through the gateway.
        Call = "call",
        /// A token of the cabinet was opened for use.
        TokenOpen = "token.open",
        /// A token was stored or a new version of it.
        TokenPut = "token.put",
        /// A new version of a token was stored in the place of the current one.
        TokenRotate = "token.rotate",
        /// Earlier versions of tokens, whose grace had ended, were destroyed.
        TokenSweep = "token.sweep",
        /// Somebody was reminded that a token ends soon.
        TokenRemind = "token.remind",
        /// A token was shown to an operator.
        TokenReveal = "token.reveal",
        /// A token was deleted.
        TokenDelete = "token.delete",
        /// A token was copied to another store, and perhaps deleted where it was.
        TokenMove = "token.move",
        /// A data key was made.
        KeyCreate = "key.create",
        /// A key that access tokens are signed with was made.
        SigningKeyCreate = "signing_key.create",
        /// A new data key took the place of the one before, and rows were sealed anew.
        KeyRotate = "key.rotate",
        /// The data keys were wrapped with another root key.
        KeyRewrap = "key.rewrap",
        /// The data keys were written into a recovery file.
        KeyExport = "key.export",
        /// The data keys were taken from a recovery file.
        KeyRestore = "key.restore",
        /// A one-time link was made.
        UserInvite = "user.invite",
        /// An account was made.
        UserCreate = "user.create",
        /// An account got another way to log in: an identity at a provider.
        UserLink = "user.link",
        /// An account was closed.
        UserDisable = "user.disable",
        /// A person logged in, or failed to.
        Login = "login",
        /// A person logged out.
        Logout = "logout",
        /// A browser's session was ended from elsewhere.
        SessionEnd = "session.end",
        /// A person's password was changed.
        PasswordChange = "password.change",
        /// A person said yes or no to a client.
        Consent = "consent",
        /// A client was registered.
        ClientRegister = "client.register",
        /// A client was removed.
        ClientRevoke = "client.revoke",
        /// Tokens were issued for a code.
        GrantCreate = "grant.create",
        /// Tokens were issued for a refresh token.
        GrantRefresh = "grant.refresh",
        /// A grant was ended.
        GrantRevoke = "grant.revoke",
        /// A person set out to another authorization server, to connect their account there.
        ConnectionStart = "connection.start",
        /// A person connected their account there, or failed to.
        ConnectionCreate = "connection.create",
        /// A person's access token there was refreshed.
        ConnectionRefresh = "connection.refresh",
        /// A person's grant there can be refreshed no more.
        ConnectionBreak = "connection.break",
        /// A person's grant there was ended here.
        ConnectionEnd = "connection.end",
        /// A grant that had ended here was given back to its provider, or could not be.
        ConnectionRevoke = "connection.revoke",
        /// A used code or refresh token came again outside of what is allowed.
        Replay = "replay",
        /// A development bearer token was issued.
        BearerIssue = "bearer.issue",
        /// A development bearer token was revoked.
        BearerRevoke = "bearer.revoke",
        /// A copy of the whole database was made.
        BackupCreate = "backup.create",
        /// The database was made from such a copy.
        BackupRestore = "backup.restore",
        /// The schema of the database was brought up to date.
        Migrate = "migrate",
        /// Another key signs the log's checkpoints from here on.
        AuditKey = "audit.key",
        /// Old records were removed.
        AuditPrune = "audit.prune",
        /// Records were exported.
        AuditExport = "audit.export",
        /// Records were lost while the log could not be written.
        AuditLost = "audit.lost",
        /// Keyward started.
        Start = "start",
        /// Keyward stopped.
        Stop = "stop",
    }
}

words! {
    /// How it ended.
    AuditResult {
        /// Done.
        Ok = "ok",
        /// Refused: the caller may not, or sent what cannot be taken.
        Denied = "denied",
        /// Failed: our side, or the upstream's.
        Failed = "failed",
        /// The other side hung up before the end.
        Aborted = "aborted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique() {
        let words: std::collections::BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(words.len(), Action::ALL.len());
        assert_eq!(AuditResult::ALL.len(), 4);
        assert!(Action::ALL.iter().all(|action| Action::parse(action.as_str()) == Some(*action)));
        assert_eq!(Action::parse("Call"), None);
    }
}
