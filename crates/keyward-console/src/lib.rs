//! Pages for people: account, connections, sessions.
