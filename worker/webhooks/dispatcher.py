"""The dispatcher of webhooks: claims due messages of the outbox and sends them in threads.

It runs in every worker, with a broker or without. A message is claimed for the time of a lease; if the worker
dies, another one sends the message under the same id.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from service.db.repositories.webhooks import WebhookDeliveries, WebhookSecrets
from service.db.session import Sessions
from service.db.tables import WebhookDelivery
from service.settings import Settings
from worker.webhooks.delivery import Answer, Message, send
from worker.webhooks.limits import WebhookLimits

log = logging.getLogger(__name__)


class WebhookDispatcher:
    """Sends messages, several at the same time."""

    def __init__(self, sessions: Sessions, settings: Settings, limits: WebhookLimits) -> None:
        self._sessions, self._settings, self._limits = sessions, settings, limits
        self._threads = ThreadPoolExecutor(limits.slots, thread_name_prefix="webhook")
        self._running = set[Future[None]]()

    def dispatch(self) -> None:
        """Run one round: claim as many due messages as threads are free."""
        self._running = {future for future in self._running if not future.done()}
        free = self._limits.slots - len(self._running)
        if not free or not self._is_any_due():
            return
        with self._sessions.begin() as session:
            deliveries = WebhookDeliveries(session).claim(limit=free, lease_s=self._limits.lease_s)
            secrets = WebhookSecrets(session)
            messages = [
                Message(delivery.id, delivery.url, delivery.body, secrets.list_valid(delivery.tenant))
                for delivery in deliveries
            ]
        for delivery, message in zip(deliveries, messages, strict=True):
            self._running.add(self._threads.submit(self._deliver, delivery, message))

    def close(self) -> None:
        """Claim nothing more; attempts in progress end with the process, and are repeated later."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def delete_old(self) -> None:
        """Delete messages that were delivered or given up long ago."""
        with self._sessions.begin() as session:
            WebhookDeliveries(session).delete_old(keep=self._limits.keep)

    def _is_any_due(self) -> bool:
        """Check with a read, so that an idle worker does not take SQLite's write lock."""
        with self._sessions.read() as session:
            return WebhookDeliveries(session).is_any_due()

    def _deliver(self, delivery: WebhookDelivery, message: Message) -> None:
        """Send a claimed message and record the outcome; if that fails, it is due again after the lease."""
        try:
            answer = send(message, self._settings, self._limits)
            self._record(delivery, answer)
        except Exception:
            log.exception("webhook failed", extra={"delivery_id": delivery.id})
            return
        log.info(
            "webhook sent" if answer.error is None else "webhook not delivered",
            extra={"delivery_id": delivery.id, "job_id": delivery.job_id, "reason": answer.error},
        )

    def _record(self, delivery: WebhookDelivery, answer: Answer) -> None:
        with self._sessions.begin() as session:
            deliveries = WebhookDeliveries(session)
            if answer.error is None and answer.status_code is not None:
                deliveries.succeed(delivery, status_code=answer.status_code)
                return
            deliveries.fail(
                delivery,
                status_code=answer.status_code,
                error=answer.error or "",
                first_pause=self._limits.first_pause,
                give_up_after=timedelta() if answer.is_final else self._limits.give_up_after,
            )
