"""Webhooks of jobs and keys: what is allowed, secrets, redelivery."""

from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.db.repositories.api_keys import ApiKeys
from service.db.repositories.audit import Audit
from service.db.repositories.webhooks import WebhookDeliveries, WebhookSecrets
from service.db.session import Sessions, get_caller
from service.db.tables import StoredWebhook, WebhookAccount, WebhookDelivery
from service.errors import Conflict, Invalid, NotFound
from service.schemas.common import WebhookOptions
from service.settings import Settings
from service.webhooks.addresses import check_url


def choose_webhook(
    options: WebhookOptions | None, session: Session, settings: Settings
) -> StoredWebhook | None:
    """The webhook of a job: the one that its request wants, or that of the key.

    Raises:
        Invalid: Webhooks are off, or the URL is refused.
        Conflict: The tenant has no secret.
    """
    caller = get_caller(session)
    if options is not None:
        return check_webhook(options, session, settings, tenant=caller.tenant if caller else None)
    if caller is None or caller.key_id is None or not settings.has_webhooks:
        return None
    return ApiKeys(session).webhook_of(caller.key_id)


def check_webhook(
    options: WebhookOptions, session: Session, settings: Settings, *, tenant: str | None
) -> StoredWebhook:
    """The webhook as it is stored, if it is allowed.

    Raises:
        Invalid: Webhooks are off, or the URL is refused.
        Conflict: The tenant has no secret.
    """
    if not settings.has_webhooks:
        detail = (
            "this service sends no webhooks; poll GET /jobs/{id}, or ask the operator for KAN_WEBHOOKS=on"
        )
        raise Invalid("webhooks_off", detail)
    url = check_url(options.url, settings)
    if tenant is None or WebhookSecrets(session).find(tenant) is None:
        detail = (
            "no secret exists that could sign webhooks; make one with POST /webhooks/secret "
            "or 'kan-service webhooks rotate-secret'"
        )
        raise Conflict("webhook_secret_missing", detail)
    return {"url": str(url), "events": sorted(set(options.events))}


def rotate_secret(sessions: Sessions, *, tenant: str, overlap: timedelta) -> WebhookAccount:
    """Make a new secret for a tenant, its first one or in place of the present one."""
    try:
        return _rotate_secret(sessions, tenant, overlap)
    except IntegrityError:  # another request made the first secret at the same moment
        return _rotate_secret(sessions, tenant, overlap)


def get_secret(sessions: Sessions) -> WebhookAccount:
    """The account with the secrets of the caller's tenant.

    Raises:
        NotFound: It has none.
    """
    with sessions.read() as session:
        account = WebhookSecrets(session).find(sessions.tenant)
    if account is None:
        detail = "there is no secret that signs webhooks; POST /webhooks/secret makes one"
        raise NotFound("webhook_secret_not_found", detail)
    return account


def redeliver(sessions: Sessions, delivery_id: str) -> WebhookDelivery:
    """Send a message again.

    Raises:
        NotFound: There is no such delivery.
    """
    with sessions.begin() as session:
        delivery = WebhookDeliveries(session).redeliver(delivery_id)
        Audit(session).add("webhook.redeliver", delivery_id, tenant=delivery.tenant, job_id=delivery.job_id)
        return delivery


def _rotate_secret(sessions: Sessions, tenant: str, overlap: timedelta) -> WebhookAccount:
    with sessions.begin() as session:
        account = WebhookSecrets(session).rotate(tenant, overlap=overlap)
        hours = overlap / timedelta(hours=1)
        Audit(session).add("webhook.rotate_secret", "webhook-secret", tenant=tenant, overlap_hours=hours)
        return account
