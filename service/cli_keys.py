"""``kan-service keys``: make, list and revoke the keys that clients send."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from service.db.migrate import current_revision, head_revision
from service.db.repositories.keys import ApiKeys
from service.db.session import Sessions, make_engine, make_sessions
from service.settings import InvalidSettings, load_settings

app = typer.Typer(help="Keys for clients on other machines.", no_args_is_help=True)


@app.command()
def create(name: Annotated[str, typer.Argument(help="Who will use it; a label, it may repeat.")]) -> None:
    """Make a key and print it: it cannot be shown again."""
    with _sessions() as sessions, sessions.begin() as session:
        _, secret = ApiKeys(session).add(name)
    typer.echo(secret)
    typer.echo("Keep it: it is not shown again. Clients send 'Authorization: Bearer <key>'.", err=True)


@app.command("list")
def show() -> None:
    """List the keys, by their first characters."""
    with _sessions() as sessions, sessions.read() as session:
        for key in ApiKeys(session).list():
            state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "valid"
            typer.echo(f"{key.prefix}…  {key.created_at:%Y-%m-%d}  {state:<18}  {key.name}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The first 12 characters of the key, or its id.")],
) -> None:
    """End a key for good."""
    with _sessions() as sessions, sessions.begin() as session:
        revoked = ApiKeys(session).revoke(key.removesuffix("…"))
    if revoked is None:
        typer.echo(f"there is no key {key!r}; 'kan-service keys list' shows them", err=True)
        raise typer.Exit(1)
    typer.echo(f"revoked {revoked.prefix}… ({revoked.name})")


@contextmanager
def _sessions() -> Iterator[Sessions]:
    """Transactions on the configured database, which must have been migrated."""
    try:
        engine = make_engine(load_settings())
    except InvalidSettings as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    try:
        with engine.connect() as connection:
            is_current = current_revision(connection) == head_revision()
        if not is_current:
            typer.echo("the database is not up to date; run 'kan-service migrate' first", err=True)
            raise typer.Exit(2)
        yield make_sessions(engine)
    finally:
        engine.dispose()
