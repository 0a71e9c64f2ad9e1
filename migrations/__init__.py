"""The chain of migrations, shared by SQLite and PostgreSQL."""
