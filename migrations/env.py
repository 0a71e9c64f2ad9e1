"""Alembic's environment: migrates through a given connection, or the database of the settings."""

from alembic import context
from sqlalchemy import Connection

from service.db.session import make_engine
from service.db.tables import TableBase
from service.settings import load_settings


def migrate(connection: Connection) -> None:
    """Run the steps on this connection, in its transaction if it has one."""
    context.configure(
        connection=connection,
        target_metadata=TableBase.metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with make_engine(load_settings()).connect() as own:
        migrate(own)
