"""Following a job to its end: by its event stream, or by polling if no stream arrives."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

from service.client.errors import JobCancelled, JobFailed, NotFinished
from service.client.results import Job, Progress
from service.client.transport import Request, Transport, make_get_request, make_path

EVENT_STREAM = "text/event-stream"

ProgressCallback = Callable[[Progress], None]


async def follow_job(
    transport: Transport,
    job_id: str,
    timeout_s: float | None,
    show: ProgressCallback,
    *,
    read_timeout_s: float = 30.0,
) -> Job:
    """Return the job as it ended; call ``show`` with each progress.

    An interrupted stream is resumed after its last event. A stream without any data is not requested again: a
    proxy probably buffers it, and long polling works as well.

    Args:
        read_timeout_s: For that answer, regardless of the client's timeout.

    Raises:
        JobFailed: The job failed.
        JobCancelled: The job was cancelled and has no model.
        NotFinished: The job has not ended after ``timeout_s``.
    """
    ends_at = None if timeout_s is None else time.monotonic() + timeout_s
    limits = transport.limits
    stream = EventStream(job_id, show, ends_at, limits.silence_timeout_s)
    while True:
        if stream.should_connect():
            await transport.exchange(stream.request())
        wait_s = limits.poll_interval_s
        if ends_at is not None:
            wait_s = max(0.0, min(wait_s, ends_at - time.monotonic()))
        look = replace(make_get_request("jobs", job_id, wait=wait_s), read_s=read_timeout_s)
        job = Job.model_validate_json((await transport.send(look, limits.max_job_tries)).content)
        if job.has_ended:
            return _check_outcome(job)
        show(Progress.model_validate(job.progress.model_dump()))
        if timeout_s is not None and wait_s == 0:
            raise NotFinished(job, timeout_s)


class EventStream:
    """The events of a job over successive connections."""

    def __init__(
        self, job_id: str, show: ProgressCallback, ends_at: float | None, silence_timeout_s: float
    ) -> None:
        self._job_id, self._show = job_id, show
        self._ends_at, self._silence_timeout_s = ends_at, silence_timeout_s
        self._last_id = "0"
        self._has_come = True
        self._event: dict[str, str] = {}

    def should_connect(self) -> bool:
        """Whether the previous connection sent data, and enough time is left for another one."""
        return self._has_come and not self._is_late()

    def request(self) -> Request:
        """The request for the events after the last one received."""
        self._has_come = False
        self._event = {}
        headers = {"Accept": EVENT_STREAM, "Last-Event-ID": self._last_id}
        where = make_path("jobs", self._job_id, "events")
        return Request("GET", where, headers=headers, on_line=self.on_line, read_s=self._silence_timeout_s)

    def on_line(self, line: str) -> bool:
        """Process a line; return false if the job has ended or the time is nearly over."""
        self._has_come = True
        if line:
            name, _, value = line.partition(":")
            self._event[name] = value.removeprefix(" ")
            return True
        event, self._event = self._event, {}
        self._last_id = event.get("id", self._last_id)
        if event.get("event") == "progress":
            self._show(Progress.model_validate(json.loads(event["data"])["data"]))
        return event.get("event") != "done" and not self._is_late()

    def _is_late(self) -> bool:
        return self._ends_at is not None and self._ends_at - time.monotonic() < self._silence_timeout_s


def _check_outcome(job: Job) -> Job:
    if job.status == "failed":
        raise JobFailed(job)
    if job.status == "cancelled" and job.model_id is None:
        raise JobCancelled(job)
    return job
