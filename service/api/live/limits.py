"""The decision numbers of event streams and of requests that wait for the end of a job."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """How often the database is read for those who follow jobs, and how many there may be.

    Attributes:
        poll_interval_s: Between two queries for new events, one for all waiting requests.
        max_streams_per_tenant: In one process: each stream holds a connection.
        max_events_per_read: Of a stream.
        ping_interval_s: Of a stream without events: proxies close idle connections.
    """

    poll_interval_s: float = 0.2
    max_streams_per_tenant: int = 200
    max_events_per_read: int = 200
    ping_interval_s: float = 15.0


DEFAULT_LIVE = LiveLimits()
