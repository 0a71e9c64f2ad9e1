"""``kan-service keys``: create, list and revoke API keys, and set their webhooks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from service.caller import DEFAULT_SCOPES, DEFAULT_TENANT, Scope
from service.cli.support.errors import EXIT_WRONG_USE, report_failure, report_setup_errors
from service.cli.support.output import AsJson, print_list, print_message, print_result
from service.db.migrate import current_revision, head_revision
from service.db.repositories import ApiKeys, Audit
from service.db.session import Sessions, make_engine, make_sessions
from service.db.tables import StoredWebhook
from service.errors import ServiceError
from service.operations.webhooks import check_webhook
from service.schemas.common import WebhookOptions
from service.settings import load_settings

JobEnd = StrEnum("JobEnd", ["SUCCEEDED", "FAILED", "CANCELLED"])
TENANT_PATTERN = re.compile(r"[\w.-]{1,64}", re.ASCII)


class KeyOut(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    prefix: str
    tenant: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    webhook: WebhookOptions | None


app = typer.Typer(help="Keys for clients on other machines.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A label, such as the user's name; it need not be unique.")],
    tenant: Annotated[
        str, typer.Option(help="Tenant whose data it can access: 1 to 64 letters, digits, '-', '_' or '.'.")
    ] = DEFAULT_TENANT,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="Permission; may be repeated [default: read train predict]")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0, help="Days until it expires; by default it does not.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it; it cannot be shown again."""
    if not TENANT_PATTERN.fullmatch(tenant):
        raise typer.BadParameter("1 to 64 letters, digits, '-', '_' or '.'", param_hint="--tenant")
    lifetime = None if days is None else timedelta(days=days)
    with open_sessions() as sessions, sessions.begin() as session:
        key, secret = ApiKeys(session).add(
            name, tenant=tenant, scopes=scope or DEFAULT_SCOPES, lifetime=lifetime
        )
        Audit(session).add("key.create", key.id, tenant=tenant, name=name, scopes=key.scopes)
    print_result(
        KeyOut.model_validate(key).model_dump(mode="json") | {"key": secret},
        as_json,
        lambda: typer.echo(secret),
    )
    print_message("Save the key: it is not shown again. Clients send 'Authorization: Bearer <key>'.")


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the keys, each with its first characters."""
    with open_sessions() as sessions, sessions.read() as session:
        keys = ApiKeys(session).list()
    names = ["key", "name", "state", "tenant", "scopes", "created", "last used"]
    print_list([KeyOut.model_validate(key) for key in keys], as_json, names, _cells)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The first 12 characters of the key, or its id.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key permanently."""
    with open_sessions() as sessions, sessions.begin() as session:
        record = ApiKeys(session).revoke(key.removesuffix("…"))
        if record is not None:
            Audit(session).add("key.revoke", record.id, tenant=record.tenant, name=record.name)
    if record is None:
        raise report_failure(f"there is no key {key!r}; 'kan-service keys list' shows them")
    text = f"revoked {record.prefix}… ({record.name})"
    print_result(KeyOut.model_validate(record), as_json, lambda: typer.echo(text))


@app.command()
def webhook(
    key: Annotated[str, typer.Argument(help="The first 12 characters of the key, or its id.")],
    url: Annotated[
        str | None,
        typer.Argument(help="Where to send a message when a job of the key ends; none by default."),
    ] = None,
    event: Annotated[
        list[JobEnd] | None, typer.Option(help="A reported end; may be repeated [default: all]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set the webhook of jobs that a key submits without one of their own, or remove it."""
    with open_sessions() as sessions, sessions.begin() as session:
        record = ApiKeys(session).find_named(key.removesuffix("…"))
        if record is None:
            raise report_failure(f"there is no key {key!r}; 'kan-service keys list' shows them")
        record.webhook = None if url is None else _check_webhook(url, event, session, record.tenant)
        Audit(session).add("key.webhook", record.id, tenant=record.tenant, webhook=record.webhook)
    text = f"{record.prefix}… ({record.name}): {url or 'no webhook'}"
    print_result(KeyOut.model_validate(record), as_json, lambda: typer.echo(text))


def _check_webhook(url: str, events: list[JobEnd] | None, session: Session, tenant: str) -> StoredWebhook:
    """The webhook as it is stored.

    ``auto`` means on: whoever has a key uses a service that asks for keys.

    Raises:
        Exit: The URL is refused, webhooks are off, or the tenant has no secret.
    """
    settings = load_settings()
    if settings.webhooks == "auto":
        settings = settings.model_copy(update={"webhooks": "on"})
    event_filter = {} if events is None else {"events": [str(event) for event in events]}
    try:
        options = WebhookOptions.model_validate({"url": url, **event_filter})
        return check_webhook(options, session, settings, tenant=tenant)
    except ValidationError as error:
        raise report_failure(f"{url!r} is no webhook: {error.errors()[0]['msg']}") from None
    except ServiceError as error:
        raise report_failure(error.detail) from None


def _cells(key: KeyOut) -> list[object]:
    last_use = key.last_used_at or "never"
    return [
        f"{key.prefix}…",
        key.name,
        _key_state(key),
        key.tenant,
        ",".join(key.scopes),
        key.created_at,
        last_use,
    ]


def _key_state(key: KeyOut) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "valid"


@contextmanager
def open_sessions() -> Iterator[Sessions]:
    """Open the configured database.

    Raises:
        Exit: The database is not at the revision of this version.
    """
    with report_setup_errors():
        engine = make_engine(load_settings())
        try:
            with engine.connect() as connection:
                is_current = current_revision(connection) == head_revision()
            if not is_current:
                raise report_failure(
                    "the database is not up to date; run 'kan-service migrate' first", EXIT_WRONG_USE
                )
            yield make_sessions(engine)
        finally:
            engine.dispose()
