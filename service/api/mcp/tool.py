"""What a tool is, and what its function gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from anyio import CapacityLimiter
from pydantic import BaseModel

from service.api.http.limits import HttpLimits
from service.api.http.slots import Slots
from service.api.live.job_watch import JobWatch
from service.api.telemetry.request_metrics import RequestMetrics
from service.caller import Caller, Scope
from service.db.session import Sessions
from service.operations.prediction.predict import PredictionContext
from service.queue import TaskQueue
from service.schemas.common import RequestModel
from service.schemas.figures import LanguageName
from service.settings import Settings


class ProgressReporter(Protocol):
    """Tells the client how far a call is."""

    def __call__(self, progress: float, total: float | None, message: str | None) -> Awaitable[None]:
        """Send it, if the client asked for progress."""
        ...


class Guide(Protocol):
    """The pages of the guide."""

    def list_pages(self) -> Sequence[tuple[str, str]]:
        """Names and titles."""
        ...

    def read_page(self, name: str, language: LanguageName) -> str:
        """The Markdown of a page."""
        ...


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """What the tools of one request may use. ``sessions`` sees the rows of the caller's tenant only."""

    caller: Caller
    sessions: Sessions
    settings: Settings
    queue: TaskQueue
    serving: PredictionContext
    watch: JobWatch
    parsing: Slots
    drawing: CapacityLimiter
    meters: RequestMetrics
    limits: HttpLimits
    guide: Guide


@dataclass(frozen=True)
class Picture:
    """The result of a tool that draws."""

    png: bytes


@dataclass(frozen=True)
class ExportedFile:
    """The result of a tool that makes a file; ``facts`` describe it."""

    uri: str
    media_type: str
    data: bytes
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool; its description is the documentation of its function.

    Attributes:
        run: Takes the arguments, the context and a reporter of progress. A plain function runs in a thread.
        arguments: Their schema.
        result: The schema of the result; None for a picture or a file.
        scopes: A key needs one of them.
    """

    title: str
    run: Callable[[Any, ToolContext, ProgressReporter], Any]
    arguments: type[RequestModel]
    result: type[BaseModel] | None
    scopes: tuple[Scope, ...]
    is_read_only: bool = False

    @property
    def name(self) -> str:
        """The name by which clients call it."""
        return self.run.__name__

    def is_open_to(self, caller: Caller) -> bool:
        """Whether a scope of the caller's key opens it."""
        return any(map(caller.has_scope, self.scopes))
