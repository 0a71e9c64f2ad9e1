"""Progress, outcome and exceptions of a job handler. Imports no torch, to be quick to import."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kan_engine.errors import KANEngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from jaxtyping import Shaped

    from service.db.repositories.revisions import Revision
    from service.schemas.figures import FiguresDocument
    from service.schemas.formulas import SymbolicDocument
    from service.schemas.model_document import ModelDocument


READ_ERRORS = (ArithmeticError, AttributeError, KANEngineError, LookupError, TypeError, ValueError)
"""What reading raises that another version of the service has written in another format."""


class JobStopped(Exception):
    """The job has to stop, and there is no result to store.

    Args:
        lacking: What is missing, for the client's error message if the time limit was the reason.
    """

    def __init__(self, lacking: str = "no network was found") -> None:
        super().__init__(lacking)
        self.lacking = lacking


class JobWaiting(Exception):
    """The job has to wait for its subtasks; any worker continues it once they have ended."""


class CheckpointUnreadable(Exception):
    """The checkpoint of an earlier attempt is not in a format of this version."""


@dataclass(frozen=True)
class JobProgress:
    """Progress of a job.

    Args:
        stage: Name of the stage, for example ``structure``.
        fraction: Share of the whole job that is done, 0 to 1.
        message: A line for people.
        error: Validation error of the last fit: for a regression relative to the target's standard
            deviation, for a classification the log loss. None without a fit.
    """

    stage: str
    fraction: float
    message: str = ""
    error: float | None = None


@dataclass(frozen=True)
class SourceModel:
    """The model that a symbolic job revises.

    Attributes:
        artifact: The bytes of its artifact.
        group_rows: Columns of the rows of a new group; None unless one is to be fitted.
    """

    model: Revision
    artifact: bytes
    group_rows: Mapping[str, Shaped[np.ndarray, " rows"]] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trained network with the records from which the service's documents about it are made.

    Args:
        artifact: The network, as ``kan_engine`` saves it.
        record: Of ``GET /models/{id}``.
        symbolic: The formulas, or the stored document if they stay as they are; None without a formula.
        edges: Activation curves and suggestions per edge, as ``describe_edges`` of the engine returns them.
        task: ``regression``, ``classification`` or ``density``.
        figures: Numbers for further figures; None if there are none.
        cut_by: The stage that the time limit cut short; None if none was.
        is_first: Whether it is only the first model of a training, which replaces no other.
    """

    artifact: bytes
    record: ModelDocument
    symbolic: SymbolicDocument | Mapping[str, Any] | None
    edges: dict[str, Any]
    task: str
    figures: FiguresDocument | None = None
    cut_by: str | None = None
    is_first: bool = False

    def update(self, **fields: Any) -> Outcome:
        """The same with other fields of the record."""
        return replace(self, record=self.record.model_copy(update=fields))
