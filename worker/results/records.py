"""The record of a model, the body of ``GET /models/{id}``, for tables, densities and equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from worker.results.serialization import INLINED, OMIT_NONE

if TYPE_CHECKING:
    from kan_engine.assessment.metrics import Metrics
    from kan_engine.data.labels import Label
    from service.schemas.members import NetworkOut, RecordedMember
    from service.schemas.models import DecisionOut, DroppedOut, FeatureOut, ScreeningOut


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """The record of a model.

    Attributes:
        features: The input columns.
        outputs: Names of the outputs.
        ignored_columns: Columns of the table that are no inputs; only for equations.
        classes: Labels of a classifier; None for other models.
        network: Shape of the network, and the scaling of its inputs and target.
        formula_of: What the formulas were extracted from.
        dropped: Inputs that the search removed.
        screening: Which columns of a wide table the search read; None for other tables.
        measures: Metrics.
        density: Properties of a density.
        split: How the rows were split.
        history: The training, step by step.
        grids: The network on every grid of its schedule; only for tables.
        warnings: What the user should know.
        baselines: Baselines by name; not for equations.
        members: Other members of the model that predict, by name.
        timings: Seconds of every stage.
    """

    features: Sequence[FeatureOut]
    outputs: Sequence[str]
    ignored_columns: Sequence[str] | None = field(default=None, metadata=OMIT_NONE)
    classes: Sequence[Label] | None = None
    network: NetworkOut
    formula_of: str | None
    dropped: Sequence[DroppedOut] = ()
    screening: ScreeningOut | None = field(default=None, metadata=OMIT_NONE)
    measures: ModelMeasures | EquationMeasures = field(metadata=INLINED)
    density: DensityProperties | None = field(default=None, metadata=OMIT_NONE)
    split: SplitRecord
    history: Sequence[LossPoint] | Sequence[ErrorPoint]
    grids: Sequence[GridStage] | None = field(default=None, metadata=OMIT_NONE)
    warnings: Sequence[str]
    baselines: Mapping[str, FittedBaseline] | None = field(default=None, metadata=OMIT_NONE)
    members: Mapping[str, RecordedMember] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RevisedRecord:
    """The record of a revised model with the same network: the earlier record, in part replaced.

    Attributes:
        earlier: The stored record of the model that was revised.
        members: As in ``ModelRecord``.
        formula_of: As there; None keeps it.
        metrics: Hold-out metrics of the member that answers; None keeps them.
        training_metrics: The same for the training rows.
        network_metrics: Hold-out metrics of the accurate network, if another member answers.
        per_class: Metrics of every class, of the member that answers; None keeps them.
        threshold: Probability from which the second of two classes is chosen; None keeps it.
        decision: The decision rule of a classifier; None keeps it.
        timings: Seconds of every stage; None keeps them.
    """

    earlier: Mapping[str, Any] = field(metadata=INLINED)
    members: Mapping[str, RecordedMember]
    formula_of: str | None = field(default=None, metadata=OMIT_NONE)
    metrics: Metrics | None = field(default=None, metadata=OMIT_NONE)
    training_metrics: Metrics | None = field(default=None, metadata=OMIT_NONE)
    network_metrics: Metrics | None = field(default=None, metadata=OMIT_NONE)
    per_class: Mapping[str, Metrics] | None = field(default=None, metadata=OMIT_NONE)
    threshold: float | None = field(default=None, metadata=OMIT_NONE)
    decision: DecisionOut | None = field(default=None, metadata=OMIT_NONE)
    timings: Mapping[str, float] | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, kw_only=True)
class ModelMeasures:
    """Metrics of a model, as a part of its record.

    Attributes:
        metrics: On the hold-out rows.
        per_class: The same for every class of a classifier.
        training_metrics: On the training rows.
        threshold: Probability from which the second of two classes is chosen; None for other models.
        decision: The decision rule of a classifier.
        warnings: Unexpected results.
        network_metrics: Hold-out metrics of the accurate network; empty if it answers.
    """

    metrics: Metrics
    per_class: Mapping[str, Metrics] = field(default_factory=dict)
    training_metrics: Metrics
    threshold: float | None = None
    decision: DecisionOut | None = None
    warnings: Sequence[str] = ()
    network_metrics: Metrics | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, kw_only=True)
class EquationMeasures:
    """How well the network of a solved equation satisfies it.

    Attributes:
        metrics: Largest relative residuals, and the estimated error of the functions.
        residuals: Of every equation and condition.
        parameters: Estimated parameters by name.
    """

    metrics: Metrics
    residuals: Residuals
    parameters: Mapping[str, ParameterEstimate]


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """Residuals of the equations and of the conditions, in the order of the request."""

    equations: Sequence[Residual]
    conditions: Sequence[Residual]


@dataclass(frozen=True, kw_only=True)
class Residual:
    """A residual: its text, its largest and its RMS value, and the largest relative to its terms."""

    residual: str
    largest: float
    rms: float
    relative: float


@dataclass(frozen=True, kw_only=True)
class ParameterEstimate:
    """A parameter, its standard error and 95 % interval; None if the measurements do not determine them."""

    value: float
    standard_error: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class DensityProperties:
    """Ends of the support per column, None where it is unbounded, and the strength of the smoothing."""

    support: Sequence[tuple[float | None, float | None]]
    smoothness: float | None


@dataclass(frozen=True, kw_only=True)
class SplitRecord:
    """The split of the rows.

    Attributes:
        training_rows: Rows that the network is fitted to.
        unused_rows: Training rows of a large table that are neither fitted to nor validate; None if all are.
        repeated_rows: Hold-out rows that equal a training row.
    """

    kind: str
    seed: int | None
    training_rows: int
    validation_rows: int
    test_rows: int
    unused_rows: int | None = field(default=None, metadata=OMIT_NONE)
    repeated_rows: int | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, kw_only=True)
class LossPoint:
    """Losses after a step; ``validation_loss`` is None if a validation row had no finite prediction."""

    step: int
    grid: int
    loss: float
    validation_loss: float | None


@dataclass(frozen=True, kw_only=True)
class ErrorPoint:
    """Error of a solution, or of the network trained on it, on a grid."""

    step: int
    grid: int
    error: float


@dataclass(frozen=True, kw_only=True)
class GridStage:
    """A network on one grid of its schedule, with the baselines of the same number of parameters."""

    grid: int
    parameters: int
    seconds: float
    metrics: Metrics
    baselines: Mapping[str, FittedBaseline] | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, kw_only=True)
class FittedBaseline:
    """A baseline: its hold-out metrics, the seconds of its fit, and the number of its parameters.

    Attributes:
        hidden: Nodes of the inner layers of an MLP; None for others.
    """

    metrics: Metrics
    seconds: float
    parameters: int
    hidden: Sequence[int] | None = field(default=None, metadata=OMIT_NONE)
