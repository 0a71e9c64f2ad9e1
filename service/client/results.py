"""What the service answers, as a client sees it. What it adds one day is no error here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from service.schemas.datasets import DatasetOut, PreviewOut
from service.schemas.figures import FiguresOut
from service.schemas.formulas import SymbolicOut
from service.schemas.jobs import JobOut, ProgressOut
from service.schemas.model_card import CardOut
from service.schemas.models import EdgesOut, ModelOut
from service.schemas.prediction import PredictionOut
from service.schemas.registry import AliasMoveOut, AliasOut, CompareOut
from service.schemas.usage import UsageOut

if TYPE_CHECKING:
    import numpy as np


class Dataset(DatasetOut):
    """A stored table: its columns with their types and statistics, and warnings."""

    sha256: str


class Preview(PreviewOut):
    """The first rows of a dataset."""


class Progress(ProgressOut):
    """What a job is at: ``stage``, ``fraction``, ``message``, ``eta_seconds``.

    As it happens, ``error`` is of what was just fitted, on rows that it did not learn from: of a number in
    the spread of the target, of classes the log loss.
    """

    message: str | None = None
    eta_seconds: float | None = None
    error: float | None = None


class Job(JobOut):
    """A job. It does not change by itself: ask for it again, or wait for it."""

    @property
    def has_ended(self) -> bool:
        """Whether it will never change again."""
        return self.finished_at is not None


class Model(ModelOut):
    """A trained model: its shape, its metrics on the hold-out rows, where it comes from.

    Of equations, ``residuals`` tells how well each of them is satisfied, and ``parameters`` the numbers in
    them that were estimated: ``value``, ``standard_error``, ``interval``.
    """

    residuals: dict[str, list[dict[str, Any]]] = Field(default={})
    parameters: dict[str, dict[str, Any]] = Field(default={})


class Symbolic(SymbolicOut):
    """A model read off as formulas, with errors, domains and alternatives."""


class Edges(EdgesOut):
    """The activations of a model, and what fits them."""


class Figures(FiguresOut):
    """What the pictures of a model show, as numbers."""


class Card(CardOut):
    """What is known of a model, and what it does not promise."""


class Comparison(CompareOut):
    """Models side by side, and what a difference between them is worth."""


class Alias(AliasOut):
    """What ``name@alias`` stands for now."""


class AliasMove(AliasMoveOut):
    """That an alias was set or taken away, when, and with which key."""


class Usage(UsageOut):
    """What there is of datasets, models and jobs, and what there may be."""


class Predictions(PredictionOut):
    """Predictions ``by`` a member, with ``probabilities``, ``intervals`` and ``warnings``, row by row."""

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def values(self) -> list[Any]:
        """Numbers or labels; ``{output: value}`` each where there are several outputs."""
        return self.predictions

    @property
    def array(self) -> np.ndarray:
        """The same for NumPy, with NaN for what is not defined; of several outputs with a column for each."""
        import numpy as np  # noqa: PLC0415  # for those who ask for it

        several = self.values and isinstance(self.values[0], dict)
        rows = [list(value.values()) for value in self.values] if several else self.values
        values = [value for row in rows for value in row] if several else rows
        has_gaps = None in values and not any(isinstance(value, str | bool) for value in values)
        return np.array(rows, dtype=float) if has_gaps else np.array(rows)
