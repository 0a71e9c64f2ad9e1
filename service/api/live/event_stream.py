"""Server-sent events of a job, which browsers and curl can follow.

https://html.spec.whatwg.org/multipage/server-sent-events.html: a disconnected client reconnects with the id
of its last event and misses nothing; 204 tells it to stop reconnecting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from service.api.live.job_watch import JobWatch
from service.db.repositories import Jobs
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.db.tables import JobStatus
from service.errors import NotFound, Unauthorized
from service.schemas.jobs import EventOut

MEDIA_TYPE = "text/event-stream"
EVENT_SCHEMA = {
    "type": "object",
    "title": "Server-sent event",
    "required": ["data"],
    "properties": {
        "event": {"type": "string", "description": "The kind of the event, or `done` at the end."},
        "data": {"type": "string", "description": "The event as JSON."},
        "id": {"type": "string", "description": "Its number."},
    },
}
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def stream_events(job_id: str, after: int, sessions: Sessions, watch: JobWatch) -> Response:
    """Stream the events after this number, including future ones; 204 if a finished job has none.

    Raises:
        NotFound: There is no such job.
    """
    events, end_status = _read_events(job_id, after, sessions, watch.limits.max_events_per_read)
    if end_status is not None and not events:
        return Response(status_code=204)
    return _EventStreamResponse(job_id, after, sessions, watch)


class _EventStreamResponse(StreamingResponse):
    """Checks the limit and counts the stream in one step, or else concurrent routes could exceed it."""

    def __init__(self, job_id: str, after: int, sessions: Sessions, watch: JobWatch) -> None:
        super().__init__(
            _follow_events(job_id, after, sessions, watch), media_type=MEDIA_TYPE, headers=STREAM_HEADERS
        )
        self._tenant, self._watch = sessions.tenant, watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the events.

        Raises:
            TooMany: The tenant has too many open streams.
        """
        with self._watch.hold_stream(self._tenant):
            await super().__call__(scope, receive, send)


async def _follow_events(
    job_id: str, number: int, sessions: Sessions, watch: JobWatch, *, reconnect_ms: int = 2_000
) -> AsyncIterator[bytes]:
    """Past events, then new ones as they occur, until the job, the service or the key ends.

    Args:
        reconnect_ms: After which a client whose stream broke off connects again.
    """
    yield format_sse_event(data_str=None, retry=reconnect_ms)
    while not watch.is_closed:
        try:
            max_events = watch.limits.max_events_per_read
            events, end_status = await run_in_threadpool(_read_events, job_id, number, sessions, max_events)
        except (NotFound, Unauthorized):  # deleted or expired meanwhile; a reconnect gets the error
            return
        for event in events:
            number = event.number
            yield format_sse_event(data_str=event.model_dump_json(), event=event.kind, id=str(number))
        if len(events) == max_events:
            continue
        if end_status is not None:
            yield format_sse_event(data_str=f'{{"status":"{end_status}"}}', event="done")
            return
        if not await watch.wait_for_events(job_id, number, within_s=watch.limits.ping_interval_s):
            yield format_sse_event(data_str=None, comment="ping")


def _read_events(job_id: str, after: int, sessions: Sessions, size: int) -> tuple[list[EventOut], str | None]:
    """Up to ``size`` events after this number, and the status of the job if it has ended.

    The status is read before the events, so that the events of an ended job include its last one.
    """
    with sessions.read() as session:
        if sessions.caller is not None and sessions.caller.key_id is not None:
            ApiKeys(session).refuse_invalid(sessions.caller.key_id)
        jobs = Jobs(session)
        status = JobStatus(jobs.get(job_id).status)
        events = jobs.events(job_id, after=after, limit=size)[:size]
        items = [EventOut.model_validate(event, from_attributes=True) for event in events]
    return items, status if status.is_final else None
