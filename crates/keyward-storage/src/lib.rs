//! The one SQL database: SQLite or PostgreSQL, migrations, one file per table family, audit, changes.
