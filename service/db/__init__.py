"""The database: tables, sessions, migrations, repositories."""
