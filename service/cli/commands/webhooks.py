"""``kan-service webhooks``: list and repeat deliveries, replace the secret that signs them."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from service.caller import DEFAULT_TENANT, Caller
from service.cli.commands.keys import open_sessions
from service.cli.support.errors import report_failure
from service.cli.support.groups import make_group
from service.cli.support.output import AsJson, print_list, print_message, print_result
from service.db.repositories import WebhookDeliveries
from service.errors import ServiceError
from service.operations import webhooks
from service.schemas.webhooks import MAX_OVERLAP_HOURS, DeliveryOut, NewSecretOut, SecretOut

Tenant = Annotated[str, typer.Option(help="Tenant whose webhooks they are.")]
Status = StrEnum("Status", ["PENDING", "DELIVERED", "FAILED"])

app = make_group("Messages that tell other programs about ended jobs.")


@app.command("list")
def list_all(
    tenant: Tenant = DEFAULT_TENANT,
    status: Annotated[Status | None, typer.Option(help="Only those with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of the newest messages to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest messages, and whether their receivers have accepted them."""
    with open_sessions() as sessions, sessions.restrict_to(Caller(tenant=tenant)).read() as session:
        rows = WebhookDeliveries(session).page(limit=limit, status=status)
    names = ["delivery", "job", "event", "status", "attempts", "created", "error", "url"]
    print_list([DeliveryOut.from_row(row) for row in rows[:limit]], as_json, names, _cells)


@app.command()
def redeliver(
    delivery: Annotated[str, typer.Argument(help="The id of the delivery.")],
    tenant: Tenant = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Send a message again, under the same id."""
    with open_sessions() as sessions:
        try:
            row = webhooks.redeliver(sessions.restrict_to(Caller(tenant=tenant)), delivery)
        except ServiceError as error:
            raise report_failure(error.detail) from None
    print_result(DeliveryOut.from_row(row), as_json, lambda: typer.echo(f"{row.id} will be sent again"))


@app.command("rotate-secret")
def rotate_secret(
    tenant: Tenant = DEFAULT_TENANT,
    overlap_hours: Annotated[
        float,
        typer.Option(min=0, max=MAX_OVERLAP_HOURS, help="How long the present secret signs as well."),
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Make the secret that signs the messages, or a new one; it cannot be shown again."""
    with open_sessions() as sessions:
        account = webhooks.rotate_secret(
            sessions.restrict_to(Caller(tenant=tenant)), tenant=tenant, overlap=timedelta(hours=overlap_hours)
        )
    new_secret = NewSecretOut(secret=account.secret, **SecretOut.from_row(account).model_dump())
    print_result(new_secret, as_json, lambda: typer.echo(account.secret))
    print_message("Save the secret: it is not shown again. Receivers verify signatures with it.")


def _cells(delivery: DeliveryOut) -> list[object]:
    return [
        delivery.id,
        delivery.job_id,
        delivery.event,
        delivery.status,
        delivery.attempts,
        delivery.created_at,
        delivery.error,
        delivery.url,
    ]
