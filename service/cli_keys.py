"""``kan-service keys``: make, list and revoke the keys that clients send."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from service.callers import OWN, USUAL, Scope
from service.db.migrate import current_revision, head_revision
from service.db.repositories import ApiKeys, Audit
from service.db.session import Sessions, make_engine, make_sessions
from service.db.tables import ApiKey
from service.settings import InvalidSettings, load_settings

TENANT = re.compile(r"[\w.-]{1,64}", re.ASCII)

app = typer.Typer(help="Keys for clients on other machines.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it; a label, it may repeat.")],
    tenant: Annotated[
        str, typer.Option(help="Owner of all that it sees: 1 to 64 letters, digits, '-', '_' or '.'.")
    ] = OWN,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it allows; may be repeated [default: read train predict]")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Ends by itself after so many days.")] = None,
) -> None:
    """Make a key and print it: it cannot be shown again."""
    if not TENANT.fullmatch(tenant):
        raise typer.BadParameter("1 to 64 letters, digits, '-', '_' or '.'", param_hint="--tenant")
    lifetime = None if days is None else timedelta(days=days)
    with _sessions() as sessions, sessions.begin() as session:
        key, secret = ApiKeys(session).add(name, tenant=tenant, scopes=scope or USUAL, lifetime=lifetime)
        Audit(session).add("key.create", key.id, tenant=tenant, name=name, scopes=key.scopes)
    typer.echo(secret)
    typer.echo("Keep it: it is not shown again. Clients send 'Authorization: Bearer <key>'.", err=True)


@app.command("list")
def show() -> None:
    """List the keys, by their first characters."""
    with _sessions() as sessions, sessions.read() as session:
        for key in ApiKeys(session).list():
            used = f"used {key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
            typer.echo(
                f"{key.prefix}…  {key.created_at:%Y-%m-%d}  {_state(key):<18}  {used:<15}  "
                f"{key.tenant}  {','.join(key.scopes)}  {key.name}"
            )


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The first 12 characters of the key, or its id.")],
) -> None:
    """End a key for good."""
    with _sessions() as sessions, sessions.begin() as session:
        revoked = ApiKeys(session).revoke(key.removesuffix("…"))
        if revoked is not None:
            Audit(session).add("key.revoke", revoked.id, tenant=revoked.tenant, name=revoked.name)
    if revoked is None:
        typer.echo(f"there is no key {key!r}; 'kan-service keys list' shows them", err=True)
        raise typer.Exit(1)
    typer.echo(f"revoked {revoked.prefix}… ({revoked.name})")


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "valid"


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
