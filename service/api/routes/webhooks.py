"""Routes of webhooks: their deliveries, and the secret that signs them; and what receivers get."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from service.api.http.dependencies import ADMIN, READ, TRAIN, Sessions, StrictRoute, VersionedPath
from service.api.http.pagination import Paging
from service.db.repositories.webhooks import WebhookDeliveries
from service.operations import webhooks
from service.schemas.common import Page
from service.schemas.webhooks import DeliveryOut, JobNotification, NewSecretOut, SecretOut, SecretRotation

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=StrictRoute)
messages = APIRouter()  # that the service sends; only for the OpenAPI document


@router.get("/deliveries", dependencies=[READ], summary="Messages about ended jobs")
def list_webhook_deliveries(
    sessions: Sessions,
    window: Paging,
    status: Annotated[Literal["pending", "delivered", "failed"] | None, Query()] = None,
    job_id: Annotated[str | None, Query(max_length=100)] = None,
) -> Page[DeliveryOut]:
    """Every message to webhooks of the last 30 days, newest first."""
    with sessions.read() as session:
        rows = WebhookDeliveries(session).page(
            limit=window.limit, after=window.after, status=status, job_id=job_id
        )
    deliveries, cursor = window.take_page(rows)
    return Page(items=list(map(DeliveryOut.from_row, deliveries)), next_cursor=cursor)


@router.get("/deliveries/{delivery_id}", dependencies=[READ], summary="A message")
def get_webhook_delivery(sessions: Sessions, delivery_id: str) -> DeliveryOut:
    """A message about an ended job, and whether its receiver has accepted it."""
    with sessions.read() as session:
        return DeliveryOut.from_row(WebhookDeliveries(session).get(delivery_id))


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    dependencies=[TRAIN],
    status_code=202,
    summary="Send a message again",
)
def redeliver_webhook(
    sessions: Sessions, delivery_id: str, response: Response, here: VersionedPath
) -> DeliveryOut:
    """Send a message again, at once and under the same id, with a new day of attempts."""
    delivery = webhooks.redeliver(sessions, delivery_id)
    response.headers["Location"] = here(f"/webhooks/deliveries/{delivery.id}")
    return DeliveryOut.from_row(delivery)


@router.get("/secret", dependencies=[ADMIN], summary="The secret that signs webhooks")
def get_webhook_secret(sessions: Sessions) -> SecretOut:
    """When the secret of the tenant was made; its value is not shown again."""
    return SecretOut.from_row(webhooks.get_secret(sessions))


@router.post(
    "/secret", dependencies=[ADMIN], status_code=201, summary="Make or replace the secret that signs webhooks"
)
def rotate_webhook_secret(
    rotation: SecretRotation, sessions: Sessions, response: Response, here: VersionedPath
) -> NewSecretOut:
    """Make a new secret. Until the overlap ends, messages are signed with the present secret as well."""
    overlap = timedelta(hours=rotation.overlap_hours)
    account = webhooks.rotate_secret(sessions, tenant=sessions.tenant, overlap=overlap)
    response.headers["Location"] = here("/webhooks/secret")
    return NewSecretOut(secret=account.secret, **SecretOut.from_row(account).model_dump())


@messages.post("job-ended", summary="A job has ended", status_code=204, response_class=Response)
def job_ended(message: JobNotification) -> None:
    """The request that the service sends to `webhook.url` of a job.

    Its headers `webhook-id`, `webhook-timestamp` and `webhook-signature` are those of Standard Webhooks.
    Answer with 2xx within 15 seconds; otherwise the message is sent again, for a day.
    """
