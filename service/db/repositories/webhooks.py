"""Webhooks: the secrets that sign them, and the outbox of their deliveries. Nothing here commits."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from service.db.session import clock
from service.db.tables import DeliveryStatus, Job, WebhookAccount, WebhookDelivery
from service.errors import NotFound
from service.schemas.webhooks import JobNotification
from service.webhooks.signatures import make_secret

PENDING = WebhookDelivery.status == DeliveryStatus.PENDING


class WebhookSecrets:
    """Secrets of tenants. A tenant has none until the first is made; then it always has one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, tenant: str) -> WebhookAccount | None:
        """The account of a tenant, if it has a secret."""
        return self._session.get(WebhookAccount, tenant)

    def rotate(self, tenant: str, *, overlap: timedelta) -> WebhookAccount:
        """Make a new secret; the present one signs as well for the time of the overlap.

        A third one, from an overlap that has not ended, signs no longer.
        """
        now = clock(self._session)
        account = self._session.get(WebhookAccount, tenant, with_for_update=True)
        if account is None:
            account = WebhookAccount(tenant=tenant)
            self._session.add(account)
        elif overlap:
            account.previous_secret, account.previous_until = account.secret, now + overlap
        else:
            account.previous_secret = account.previous_until = None
        account.secret, account.rotated_at = make_secret(), now
        self._session.flush()
        return account

    def list_valid(self, tenant: str) -> list[str]:
        """The secrets that sign a message now, the newest first."""
        account = self.find(tenant)
        if account is None:
            return []
        secret, until = account.previous_secret, account.previous_until
        if secret is None or until is None or until <= clock(self._session):
            return [account.secret]
        return [account.secret, secret]


class WebhookDeliveries:
    """Messages about ended jobs, from the transaction that ends a job until a receiver has accepted them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, job: Job) -> None:
        """Write the message about a job that this transaction has ended, if its webhook asks for it."""
        if job.webhook is None or job.status not in job.webhook["events"]:
            return
        number = self._take_number(job.tenant)
        if number is None:
            return  # the database was edited: without a secret nothing can be signed
        now = clock(self._session)
        self._session.add(
            WebhookDelivery(
                tenant=job.tenant,
                number=number,
                job_id=job.id,
                event=job.status,
                url=job.webhook["url"],
                body=JobNotification.from_row(job, number).model_dump_json(),
                created_at=now,
                opened_at=now,
                due_at=now,
            )
        )
        self._session.flush()

    def get(self, delivery_id: str) -> WebhookDelivery:
        """The delivery with this id.

        Raises:
            NotFound: There is none.
        """
        delivery = self._session.get(WebhookDelivery, delivery_id)
        if delivery is None:
            detail = f"there is no delivery {delivery_id!r}; GET /webhooks/deliveries lists them"
            raise NotFound("delivery_not_found", detail)
        return delivery

    def page(
        self, *, limit: int, after: str | None = None, status: str | None = None, job_id: str | None = None
    ) -> Sequence[WebhookDelivery]:
        """Up to ``limit + 1`` deliveries, newest first, older than the delivery ``after``."""
        deliveries = select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(limit + 1)
        if after is not None:
            deliveries = deliveries.where(WebhookDelivery.id < after)
        if status is not None:
            deliveries = deliveries.where(WebhookDelivery.status == status)
        if job_id is not None:
            deliveries = deliveries.where(WebhookDelivery.job_id == job_id)
        return self._session.scalars(deliveries).all()

    def is_any_due(self) -> bool:
        """Whether a message can be sent now."""
        due = select(exists().where(PENDING, WebhookDelivery.due_at <= clock(self._session)))
        return bool(self._session.scalar(due))

    def claim(self, *, limit: int, lease_s: float) -> Sequence[WebhookDelivery]:
        """Claim messages to send: the first of every tenant before the second of any.

        No other worker gets them until the lease ends. ``attempts`` is the fencing token of the claim.
        """
        now = clock(self._session)
        due = PENDING, WebhookDelivery.due_at <= now
        place = func.row_number().over(
            partition_by=WebhookDelivery.tenant, order_by=(WebhookDelivery.due_at, WebhookDelivery.number)
        )
        ranks = select(WebhookDelivery.id, place.label("place")).where(*due).subquery()
        query = select(ranks.c.id).order_by(ranks.c.place, ranks.c.id).limit(limit)
        change = {"due_at": now + timedelta(seconds=lease_s), "attempts": WebhookDelivery.attempts + 1}
        deliveries = (
            self._change(WebhookDelivery.id == delivery_id, *due, **change)
            for delivery_id in self._session.scalars(query).all()
        )
        return [delivery for delivery in deliveries if delivery is not None]

    def succeed(self, delivery: WebhookDelivery, *, status_code: int) -> WebhookDelivery | None:
        """Record that the receiver has accepted a claimed message; None if the lease was lost."""
        return self._end_attempt(
            delivery,
            status=DeliveryStatus.DELIVERED,
            status_code=status_code,
            error=None,
            delivered_at=clock(self._session),
        )

    def fail(
        self,
        delivery: WebhookDelivery,
        *,
        status_code: int | None,
        error: str,
        first_pause: timedelta,
        give_up_after: timedelta,
    ) -> WebhookDelivery | None:
        """Record a failed attempt of a claimed message; None if the lease was lost.

        The pause before the next attempt is as long as the time since the first one, so it doubles.

        Args:
            first_pause: Pause before the second attempt.
            give_up_after: Length of the period of attempts.
        """
        now = clock(self._session)
        pause = max(first_pause, now - delivery.opened_at)
        is_last = now + pause > delivery.opened_at + give_up_after
        then: dict[str, Any] = {"status": DeliveryStatus.FAILED} if is_last else {"due_at": now + pause}
        return self._end_attempt(delivery, status_code=status_code, error=error, **then)

    def redeliver(self, delivery_id: str) -> WebhookDelivery:
        """Send a message again under its id, with a new period of attempts.

        Raises:
            NotFound: There is no such delivery.
        """
        self.get(delivery_id)
        now = clock(self._session)
        values = {"status": DeliveryStatus.PENDING, "opened_at": now, "due_at": now, "delivered_at": None}
        self._change(WebhookDelivery.id == delivery_id, **values)
        return self.get(delivery_id)

    def delete_of_job(self, job_id: str) -> None:
        """Delete the messages about a job, except those that wait: their receivers still have to know."""
        statement = delete(WebhookDelivery).where(WebhookDelivery.job_id == job_id, ~PENDING)
        self._session.execute(statement, execution_options={"synchronize_session": False})

    def delete_old(self, *, keep: timedelta) -> int:
        """Delete messages that were delivered or given up, and return their number."""
        old = delete(WebhookDelivery).where(~PENDING, WebhookDelivery.due_at < clock(self._session) - keep)
        result: Any = self._session.execute(old)
        return int(result.rowcount)

    def _take_number(self, tenant: str) -> int | None:
        """The next number of a tenant, whose counter is locked until the transaction ends."""
        statement = (
            update(WebhookAccount)
            .where(WebhookAccount.tenant == tenant)
            .values(last_number=WebhookAccount.last_number + 1)
            .returning(WebhookAccount.last_number)
        )
        return self._session.scalar(statement, execution_options={"synchronize_session": False})

    def _end_attempt(self, delivery: WebhookDelivery, **values: Any) -> WebhookDelivery | None:
        is_mine = WebhookDelivery.id == delivery.id, WebhookDelivery.attempts == delivery.attempts
        return self._change(*is_mine, PENDING, **values)

    def _change(self, *conditions: Any, **values: Any) -> WebhookDelivery | None:
        change = update(WebhookDelivery).where(*conditions).values(**values).returning(WebhookDelivery)
        options = {"synchronize_session": False, "populate_existing": True}
        return self._session.scalars(change, execution_options=options).one_or_none()
