"""Errors of the clients.

ClientError
├── ApiError      the service refused the request, with a stable code
├── Unreachable   no response arrived
├── JobFailed     the awaited job failed
├── JobCancelled  the awaited job was cancelled and has no model
└── NotFinished   the awaited job had not ended at the timeout
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from service.client.results import Job

PROBLEM_MEDIA_TYPE = "application/problem+json"
# Of every problem document
PROBLEM_MEMBERS = {"type", "title", "instance", "status", "code", "detail", "errors"}


class ClientError(Exception):
    """Base class of the errors; the text is for people."""


class ApiError(ClientError):
    """An error response of the service.

    Args:
        status: HTTP status.
        code: Stable code for programs, for example ``unknown_column``.
        detail: What happened, and what to try.
        errors: One entry per mistake: ``pointer``, or ``line``, ``row`` and ``column``, ``detail``, ``code``.
        extra: Further members of the response, for example ``limit`` or ``estimate``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[dict[str, Any]] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.extra = dict(extra or {})


class Unreachable(ClientError):
    """No response arrived after all retries."""


class JobFailed(ClientError):
    """A job failed; ``code`` is stable, ``detail`` says what happened."""

    def __init__(self, job: Job) -> None:
        error = job.error
        self.job = job
        self.code = error.code if error else "unknown"
        self.detail = error.detail if error else ""
        super().__init__(f"the job failed: {self.detail}")


class JobCancelled(ClientError):
    """A job was cancelled and has no model."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"the job {job.id} was cancelled")


class NotFinished(ClientError, TimeoutError):
    """A job had not ended at the timeout; it continues."""

    def __init__(self, job: Job, timeout_s: float) -> None:
        self.job = job
        super().__init__(f"the job {job.id} is {job.status} after {timeout_s:g} s; it continues, wait longer")


def parse_refusal(response: httpx.Response) -> ApiError:
    """Convert an error response to an ``ApiError``."""
    usual = f"http_{response.status_code}"
    if response.headers.get("content-type", "").startswith(PROBLEM_MEDIA_TYPE):
        body = response.json()
        extra = {name: value for name, value in body.items() if name not in PROBLEM_MEMBERS}
        return ApiError(
            response.status_code, body.get("code", usual), body["detail"], body.get("errors", ()), extra
        )
    detail = f"the service answered {response.status_code} {response.reason_phrase}".rstrip()
    return ApiError(response.status_code, usual, detail)
