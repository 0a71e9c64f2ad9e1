"""What the work on a job reports, and what it returns. Light: nothing here imports torch."""

from dataclasses import dataclass
from typing import Any

from service.db.repositories.revisions import Revision


class Stopped(Exception):
    """The job must not go on, and there is nothing to keep.

    Args:
        lacking: What the client is told that there is not, if it was the time that ended.
    """

    def __init__(self, lacking: str = "no network was found") -> None:
        super().__init__(lacking)
        self.lacking = lacking


class Waiting(Exception):
    """The job goes on once parts of it have ended, in whatever process takes it up then."""


@dataclass(frozen=True)
class Progress:
    """What a job is at.

    Args:
        stage: One word, for example ``structure``.
        fraction: Share of the whole job that is done, 0 to 1.
        message: A line for people.
        error: Of what was just fitted, on rows that it did not learn from: of a number in the spread of the
            target, of classes the log loss. None where nothing was fitted.
    """

    stage: str
    fraction: float
    message: str = ""
    error: float | None = None


@dataclass(frozen=True)
class Revised:
    """A model that is to be changed, and the bytes of its network."""

    model: Revision
    artifact: bytes


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trained network with all that the service shows of it.

    Args:
        artifact: The network, as ``kan_engine`` saves it.
        record: What ``GET /models/{id}`` shows.
        symbolic: The formulas; None without one.
        edges: Activation curves and suggestions per edge.
        task: ``regression`` or ``classification``.
        figures: Numbers behind further pictures; None if there are none.
        cut_by: The stage that the time limit cut short; None if nothing was cut.
    """

    artifact: bytes
    record: dict[str, Any]
    symbolic: dict[str, Any] | None
    edges: dict[str, Any]
    task: str
    figures: dict[str, Any] | None = None
    cut_by: str | None = None
