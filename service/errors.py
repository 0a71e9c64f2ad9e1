"""Errors that a client can cause or must know of, each with a stable code and an HTTP status.

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
├── ExportMismatch    500
├── Unavailable       503
└── OutOfSpace        507
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Place = Mapping[str, str | int]
"""``pointer``, ``field``, ``parameter`` and ``in``, or ``line``, ``row`` and ``column`` of a mistake."""


@dataclass(frozen=True)
class ErrorEntry:
    """One mistake, as an entry of a problem document.

    Attributes:
        character: Position in the text at the place, counted from 1.
    """

    code: str
    detail: str
    place: Place = field(default_factory=dict)
    character: int | None = None

    def to_json(self) -> dict[str, str | int]:
        """The entry as clients read it."""
        document = {**self.place, "code": self.code, "detail": self.detail}
        return document if self.character is None else document | {"character": self.character}


class ServiceError(Exception):
    """An error that the client receives as problem+json.

    Args:
        code: Stable machine-readable code, such as ``job_not_found``.
        detail: What happened, with the value, and what to do.
        errors: One entry per mistake.
        extra: Further members of the problem document, such as ``limit`` or ``estimate``.
    """

    status = 500

    def __init__(self, code: str, detail: str, *, errors: Sequence[ErrorEntry] = (), **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.extra = extra

    @classmethod
    def make_at(cls, code: str, detail: str, place: Place, **extra: Any) -> Self:
        """An error with one mistake, itself, at this place."""
        return cls(code, detail, errors=[ErrorEntry(code, detail, place)], **extra)


class Malformed(ServiceError):
    """The request cannot be parsed."""

    status = 400


class Unauthorized(ServiceError):
    """The request has no valid API key."""

    status = 401


class Forbidden(ServiceError):
    """The API key of the request does not have the scope."""

    status = 403


class NotFound(ServiceError):
    """The requested resource does not exist."""

    status = 404


class Conflict(ServiceError):
    """The state of the resource does not allow the request."""

    status = 409


class Stale(ServiceError):
    """The resource has changed since the client last read it."""

    status = 412


class TooLarge(ServiceError):
    """The request body is over the limit."""

    status = 413


class UnsupportedMedia(ServiceError):
    """The service does not accept the media type of the body."""

    status = 415


class Invalid(ServiceError):
    """The request can be parsed but not carried out."""

    status = 422


class TooMany(ServiceError):
    """The caller has too many unfinished jobs, or sends requests too fast."""

    status = 429


class ExportMismatch(ServiceError):
    """An exported file does not reproduce its model."""

    status = 500


class Unavailable(ServiceError):
    """A dependency of the service is temporarily unavailable."""

    status = 503


class OutOfSpace(ServiceError):
    """The tenant's storage quota or the disk is full."""

    status = 507


def is_disk_full(error: Exception) -> bool:
    """Whether writing a file failed because the disk or a quota is full.

    Polars reports the error number only in its message.
    """
    words = (f"(os error {number})" for number in DISK_FULL)
    return getattr(error, "errno", None) in DISK_FULL or any(word in str(error) for word in words)


def join_texts(texts: Iterable[str], limit: int = 20) -> str:
    """The first ``limit`` texts for a message, and the number of the others."""
    items = list(texts)
    suffix = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + suffix


def format_names(names: Iterable[str]) -> str:
    """The first names for a message, in quotes, and the number of the others."""
    return join_texts(map(repr, names))
