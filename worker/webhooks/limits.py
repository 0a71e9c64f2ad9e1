"""Times and numbers that bound the delivery of webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class WebhookLimits:
    """Limits of the delivery of webhooks; times in ``_s`` are in seconds.

    Attributes:
        poll_period_s: Between two checks for messages to send.
        slots: Messages that a worker sends at the same time, so that a slow receiver does not delay others.
        connect_timeout_s: For a connection, with TLS.
        total_timeout_s: For an attempt; a receiver that sends a byte a second cannot extend it.
        lease_s: After it another worker may send the message. It is longer than an attempt, because the
            system decides how long a name is resolved.
        first_pause: Pause before the second attempt; every further one doubles.
        give_up_after: Length of the period of attempts: 15 attempts in a day.
        keep: How long messages are kept once they are delivered or given up.
        cleanup_period_s: Between two deletions of old messages.
    """

    poll_period_s: float = 0.5
    slots: int = 8
    connect_timeout_s: float = 5.0
    total_timeout_s: float = 15.0
    lease_s: float = 60.0
    first_pause: timedelta = timedelta(seconds=5)
    give_up_after: timedelta = timedelta(days=1)
    keep: timedelta = timedelta(days=30)
    cleanup_period_s: float = 3600.0


DEFAULT_WEBHOOKS = WebhookLimits()
