"""What the pictures of a model draw: its names and units, and the numbers that were measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kan_engine.drawing.labels import format_label
from kan_engine.drawing.svg import Theme
from service.errors import Conflict


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a chart.

    Attributes:
        name: The model, such as ``law, version 3``.
        target: The predicted column.
        units: Units by column.
        measured_on: ``hold-out`` or ``training``, the rows of the measurements.
        metrics: Metrics on the hold-out rows.
    """

    name: str
    target: str
    units: Mapping[str, str] = field(default_factory=dict)
    measured_on: str = "hold-out"
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """Return the name of a column with its unit."""
        return format_label(name, self.units)

    def format_row_count(self, count: int, theme: Theme) -> str:
        """Return the number and kind of the measured rows as text."""
        if self.measured_on == "training":
            return theme.say("{count} training rows", count=count)
        return theme.say("{count} hold-out rows", count=count)

    @property
    def target_label(self) -> str:
        """The name of the target with its unit."""
        return self.label(self.target)


@dataclass(frozen=True, kw_only=True)
class ModelNumbers:
    """The numbers of a model, of which a picture takes those that it draws.

    Attributes:
        model_id, task: Of the model.
        history: The recorded steps of its training.
        evaluations: The newest evaluations with an error, the oldest of them first.
        stored_figures: What its job measured for pictures; None if no job of ours did.
    """

    model_id: str
    task: str
    history: Sequence[Mapping[str, Any]]
    evaluations: Sequence[Mapping[str, Any]]
    stored_figures: Mapping[str, Any] | None

    @property
    def figures(self) -> Mapping[str, Any]:
        """The stored figures.

        Raises:
            Conflict: There are none.
        """
        if self.stored_figures is None:
            detail = (
                f"model {self.model_id} was imported, or trained by a version that did not keep the data of "
                "plots; train it again, or change its formula, to compute them"
            )
            raise Conflict("no_figures", detail)
        return self.stored_figures

    @property
    def target_figures(self) -> Mapping[str, Any]:
        """The stored figures of a model that predicts a column of a table.

        Raises:
            Conflict: There are none, or the model has another task.
        """
        figures = self.figures
        if self.task == "density":
            raise self.make_refusal("it is a density, which has no true values and no features")
        if self.task == "equation":
            raise self.make_refusal("it solves equations and has no table with true values")
        return figures

    def make_refusal(self, why: str) -> Conflict:
        """The error of a picture that models like this one do not have."""
        detail = f"model {self.model_id} does not have this plot: {why}; choose another plot"
        return Conflict("no_figures", detail)
