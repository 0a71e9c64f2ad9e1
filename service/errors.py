"""Errors that a client can cause or must know of: a stable code and an HTTP status each.

ServiceError
├── Malformed         400
├── Unauthorized      401
├── Forbidden         403
├── NotFound          404
├── Conflict          409
├── Stale             412
├── TooLarge          413
├── UnsupportedMedia  415
├── Invalid           422
├── TooMany           429
├── Unfaithful        500
├── Unavailable       503
└── OutOfSpace        507
"""

import errno
from typing import Any

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ServiceError(Exception):
    """A refusal that reaches the client as problem+json.

    Args:
        code: Stable machine-readable code, for example ``job_not_found``.
        detail: What happened, with the value, and what to try.
        errors: One entry per mistake: ``pointer`` or ``line``/``row``/``column``, ``detail``, ``code``.
        extra: Further members of the problem document, for example ``limit`` or ``estimate``.
    """

    status = 500

    def __init__(
        self, code: str, detail: str, *, errors: list[dict[str, Any]] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.extra = extra


class Malformed(ServiceError):
    """The request cannot even be read."""

    status = 400


class Unauthorized(ServiceError):
    """The request carries no valid key."""

    status = 401


class Forbidden(ServiceError):
    """The key of the request does not allow it."""

    status = 403


class NotFound(ServiceError):
    """The thing asked for does not exist."""

    status = 404


class Conflict(ServiceError):
    """The state of a thing does not allow what was asked."""

    status = 409


class Stale(ServiceError):
    """The thing is no longer what the client last saw of it."""

    status = 412


class TooLarge(ServiceError):
    """The request body is over the limit."""

    status = 413


class UnsupportedMedia(ServiceError):
    """The body is in a form that the service does not take."""

    status = 415


class Invalid(ServiceError):
    """The request can be read but not be done."""

    status = 422


class TooMany(ServiceError):
    """More than the caller may have at a time, or ask for within a time."""

    status = 429


class Unfaithful(ServiceError):
    """What was made of a thing is not what the thing is."""

    status = 500


class Unavailable(ServiceError):
    """Something the service depends on is missing right now."""

    status = 503


class OutOfSpace(ServiceError):
    """No room for what the client sends: not for the tenant, or not on the disk."""

    status = 507


def is_disk_full(error: Exception) -> bool:
    """Whether there was no room for a file. Polars tells it in words alone."""
    words = (f"(os error {number})" for number in DISK_FULL)
    return getattr(error, "errno", None) in DISK_FULL or any(word in str(error) for word in words)
