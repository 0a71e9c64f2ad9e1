"""When a client tries again, and how long it waits."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """Retries and waits of a client.

    Attributes:
        max_tries: Of a request that may be repeated.
        first_pause_s: Before the second try; doubled after every further one.
        max_pause_s: If Retry-After is longer, the client raises the error instead of waiting.
        connect_timeout_s: To open a connection.
        max_page_items: Of a list, per request.
        max_job_tries: While a job is followed: about a minute, since it survives a restart of the API.
        silence_timeout_s: Of an event stream: the service pings every 15 s; a longer silence means that the
            connection is dead.
        poll_interval_s: That the service waits for news of a job before it answers.
    """

    max_tries: int = 4
    first_pause_s: float = 0.5
    max_pause_s: float = 60.0
    connect_timeout_s: float = 10.0
    max_page_items: int = 200
    max_job_tries: int = 9
    silence_timeout_s: float = 20.0
    poll_interval_s: float = 2.0


DEFAULT_CLIENT = ClientLimits()
