//! The database's URL: `sqlite:PATH`, `postgres://…`, or the place that holds it (`env:NAME`, `file:PATH`).

use std::fmt;

use super::TextValue;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StorageUrl {
    /// An SQLite file.
    Sqlite(String),
    /// PostgreSQL, the URL whole.
    Postgres(String),
    /// The environment variable that holds the URL.
    Environment(String),
    /// The file that holds the URL.
    File(String),
}

impl StorageUrl {
    /// Whether a password stands in it in the clear.
    pub(crate) fn holds_password(&self) -> bool {
        match self {
            Self::Postgres(url) => {
                let authority =
                    url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or("");
                let user_part = authority.rsplit_once('@').map_or("", |(user, _)| user);
                user_part.contains(':') || url.split_once('?').is_some_and(|(_, query)| query.contains("password="))
            }
            _ => false,
        }
    }
}

impl TextValue for StorageUrl {
    const FORMAT: &'static str = "keyward-storage-url";
    const NOUN: &'static str = "a storage URL";
    const EXAMPLE: &'static str = "sqlite:keyward.db";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "is sqlite:PATH, postgres://…, or env:NAME or file:PATH of what holds one of these".to_owned();
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
        match scheme {
            _ if rest.is_empty() => Err(wrong()),
            "sqlite" => Ok(Self::Sqlite(rest.strip_prefix("//").unwrap_or(rest).to_owned())),
            "postgres" | "postgresql" if rest.starts_with("//") => Ok(Self::Postgres(text.to_owned())),
            "env" => Ok(Self::Environment(rest.to_owned())),
            "file" => Ok(Self::File(rest.to_owned())),
            _ => Err(wrong()),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{path}"),
            Self::Postgres(url) => url.clone(),
            Self::Environment(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{path}"),
        }
    }
}

/// Without what may be a password.
impl fmt::Debug for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(_) => f.write_str("Postgres"),
            other => f.write_str(&other.to_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_passwords() {
        for (url, held) in [
            ("postgres://app:secret@db/keyward", true),
            ("postgres://app@db/keyward?password=secret", true),
            ("postgres://app@db:5432/keyward", false),
            ("postgres://db1:5432,db2:5432/keyward", false),
            ("env:DATABASE_URL", false),
        ] {
            assert_eq!(StorageUrl::parse(url).expect(url).holds_password(), held, "{url}");
        }
        for bad in ["", "keyward.db", "mysql://h/d", "postgres:h", "sqlite:"] {
            assert!(StorageUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
