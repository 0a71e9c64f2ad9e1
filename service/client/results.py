"""Responses of the service as Python objects. Unknown fields of newer services are accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from service.schemas.datasets import DatasetOut, RowsPreviewOut, RowsSampleOut
from service.schemas.equations import TypesetOut
from service.schemas.evaluations import EvaluationOut
from service.schemas.figures import FiguresOut, ModelRowsOut
from service.schemas.formulas import FormatsOut, SymbolicOut
from service.schemas.jobs import JobOut, ProgressOut, TraceOut
from service.schemas.model_document import ParameterEstimate, Residuals
from service.schemas.models import EdgesOut, ModelOut
from service.schemas.prediction import NextRowsOut, PredictionOut
from service.schemas.registry import AliasMoveOut, AliasOut, CompareOut
from service.schemas.registry.card import CardOut
from service.schemas.tenant import UsageOut

if TYPE_CHECKING:
    import numpy as np


class Dataset(DatasetOut):
    """A stored table: its columns with their types and statistics, and warnings."""

    sha256: str


class Preview(RowsPreviewOut):
    """The first rows of a dataset."""


class Sample(RowsSampleOut):
    """Rows spread evenly over a dataset, with their numbers."""


class Formats(FormatsOut):
    """The languages of formulas, and the file formats of models."""


class Progress(ProgressOut):
    """Progress of a job: ``stage``, ``fraction``, ``message``, ``eta_seconds``.

    During training, ``error`` is the error of the latest fit on rows outside its training set: in units of
    the spread of the target for a number, the log loss for classes.
    """

    message: str | None = None
    eta_seconds: float | None = None
    error: float | None = None


class Job(JobOut):
    """A job. The object does not update itself: request the job again, or wait for it."""

    @property
    def has_ended(self) -> bool:
        """Whether the job has ended and will not change again."""
        return self.finished_at is not None


class Trace(TraceOut):
    """What the search of a job has done: its ``steps``, and why it ``ended``."""


class Model(ModelOut):
    """A trained model: its shape, its metrics on the hold-out rows, its origin.

    For equations, ``residuals`` has the residuals of each equation and condition, and ``parameters`` the
    estimated parameters: ``value``, ``standard_error``, ``interval``. Both are empty for other models.
    """

    residuals: Residuals = Field(default_factory=Residuals)
    parameters: dict[str, ParameterEstimate] = Field(default={})


class Symbolic(SymbolicOut):
    """The formulas of a model, with errors, domains and alternatives."""


class Edges(EdgesOut):
    """The activations of a model, and the functions that fit them."""


class Figures(FiguresOut):
    """The data of the pictures of a model."""


class Card(CardOut):
    """The model card, including the limitations of the model."""


class ModelRows(ModelRowsOut):
    """Inputs and target of a sample of the rows that a model was trained and measured on."""


class TypesetEquations(TypesetOut):
    """Equations and conditions as LaTeX and MathML, or what is wrong in them."""


class Comparison(CompareOut):
    """A comparison of models, with warnings about differences that may be insignificant."""


class Alias(AliasOut):
    """The current model of ``name@alias``."""


class AliasMove(AliasMoveOut):
    """The setting or removal of an alias, with its time and key."""


class Usage(UsageOut):
    """Usage of datasets, models and jobs, and the limits."""


class Evaluation(EvaluationOut):
    """A model measured on labelled rows: ``verdict`` and ``summary``, error, calibration and drift."""

    @property
    def drifted_columns(self) -> list[str]:
        """Names of the columns that have drifted."""
        return [column.name for column in self.drift if column.drifted]


class NextRows(NextRowsOut):
    """Rows to measure next as ``items``, the most informative first."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows alone, as tables take them."""
        return [item.row for item in self.items]


class Predictions(PredictionOut):
    """Predictions of the member ``by``, with ``probabilities``, ``intervals`` and ``warnings`` per row."""

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def values(self) -> list[Any]:
        """Numbers or labels per row; ``{output: value}`` per row for several outputs."""
        return self.predictions

    @property
    def contributions(self) -> list[dict[str, float] | None]:
        """Contributions by column per row, if they were requested, to a single output.

        With the ``base`` of ``explanation.outputs[0]`` they add up to the value, or to the log-odds.
        ``explanation.outputs`` has those of several outputs.

        Raises:
            ValueError: They were not requested, or there are several outputs.
        """
        if self.explanation is None or len(self.explanation.outputs) != 1:
            raise ValueError("request contributions with explain=True; see explanation for several outputs")
        return self.explanation.outputs[0].contributions

    @property
    def array(self) -> np.ndarray:
        """The values as an array [rows], or [rows, outputs] for several; undefined numbers are NaN."""
        import numpy as np  # noqa: PLC0415  # only this property needs it

        has_outputs = self.values and isinstance(self.values[0], dict)
        rows = [list(value.values()) for value in self.values] if has_outputs else self.values
        values = [value for row in rows for value in row] if has_outputs else rows
        has_gaps = None in values and not any(isinstance(value, str | bool) for value in values)
        return np.array(rows, dtype=float) if has_gaps else np.array(rows)
