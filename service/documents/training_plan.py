"""Task, column types and features of a training request, derived from the column report alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from kan_engine.formulas.forms.template import ConstantLimits, FormTemplate, InvalidForm, parse_form
from service.documents.column_report import NUMBER_TYPES, ColumnReport
from service.schemas.training import TrainRequest

TaskName = Literal["regression", "classification", "density"]

LABEL_TYPES = ("category", "boolean", "text")
MAX_MAGNITUDE, MIN_RANGE = 1e75, 1e-75  # of values and of their range: fourth powers must be finite


@dataclass(frozen=True)
class TrainingPlan:
    """A training request together with the reports of its columns, and their units."""

    request: TrainRequest
    reports: dict[str, ColumnReport]
    rows: int
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> ColumnReport:
        """The report of the target; for a density, of its first column."""
        return self.reports[self.request.target or self.features[0].name]

    @cached_property
    def types(self) -> dict[str, str]:
        """Types of all columns, with those that the request overrides."""
        types = {name: report.type for name, report in self.reports.items()} | self.request.types
        target, grouping = self.request.target, self.request.per_group
        if grouping is not None and grouping.column in types and grouping.column != target:
            types[grouping.column] = "category"
        return {n: w if n == target else _select_encoding_type(self.reports[n], w) for n, w in types.items()}

    @property
    def task(self) -> TaskName:
        """Classification for labels and for two distinct values; regression for other numbers."""
        if self.request.task != "auto":
            return self.request.task
        is_label = self.types[self.target.name] in LABEL_TYPES or self.target.distinct == 2
        return "classification" if is_label else "regression"

    @cached_property
    def form(self) -> FormTemplate | None:
        """The form that the request asks for, in the columns that can be features.

        Raises:
            InvalidForm: It is not a form of these columns.
        """
        request = self.request
        if request.form is None:
            return None
        columns = [name for name in self.reports if name not in self.roles]
        features = {*(request.features or (name for name in columns if self._is_usable(self.reports[name])))}
        columns.sort(key=lambda name: name not in features)  # which are printed, as columns are numbered
        limits = {name: ConstantLimits(**options.model_dump()) for name, options in request.constants.items()}
        return parse_form(request.form, columns, limits, target=request.target)

    @cached_property
    def features(self) -> list[ColumnReport]:
        """The requested columns, or all that distinguish rows and are not free text."""
        if self.request.features is not None:
            return [self.reports[name] for name in self.request.features]
        candidates = [report for name, report in self.reports.items() if name not in self.roles]
        usable = [report for report in candidates if self._is_usable(report)]
        return [
            report for report in usable if not report.is_id or report.name in self._form_columns
        ] or usable

    @property
    def is_screened(self) -> bool:
        """Whether a wide table is screened: a requested shape of the network has all columns as inputs."""
        return self.request.network.hidden == "auto"

    @property
    def required_features(self) -> frozenset[str]:
        """Features that the request needs, so that a screening keeps them."""
        names = {*(self.request.must_use or ()), *(self.request.monotone or ()), *self._form_columns}
        return frozenset(report.name for report in self.features if report.name in names)

    @property
    def _form_columns(self) -> tuple[str, ...]:
        """Columns that the form and its groups need."""
        grouping = self.request.per_group
        groups = () if grouping is None else (grouping.column,)
        try:
            return groups if self.form is None else (*self.form.columns, *groups)
        except InvalidForm:
            return groups

    def _is_usable(self, report: ColumnReport) -> bool:
        is_told_apart = report.distinct > 1 and explain_unusable_numbers(report) is None
        return is_told_apart and self.types[report.name] != "text"

    @property
    def roles(self) -> dict[str | None, str]:
        """Columns that are not features, with their roles."""
        request = self.request
        return {
            request.split.column: "split column",
            request.weight: "weight",
            request.target_error: "error of the target",
            request.target: "target",
        }

    @property
    def usable_rows(self) -> int:
        """Number of rows with a target."""
        return self.rows - self.target.missing

    @property
    def training_rows(self) -> int:
        """Number of rows to train on; a split by column is unknown until the table is read."""
        keeps_all = self.request.split.kind in ("column", "none")
        return (
            self.usable_rows if keeps_all else int(self.usable_rows * (1 - self.request.split.test_fraction))
        )

    @property
    def outputs(self) -> int:
        """Number of network outputs: one, or one per class if there are more than two."""
        classes = self.target.distinct
        return classes if self.task == "classification" and classes > 2 else 1


def explain_unusable_numbers(report: ColumnReport) -> str | None:
    """Why the numbers of a column are too large or too close for a network; None if they are usable."""
    if report.type not in NUMBER_TYPES or report.distinct < 2 or report.range is None:
        return None
    low, high = report.range
    if max(-low, high) > MAX_MAGNITUDE:
        return f"goes from {low:g} to {high:g}, beyond {MAX_MAGNITUDE:g}"
    return f"varies by {high - low:g}, less than {MIN_RANGE:g}" if 0 < high - low < MIN_RANGE else None


def _select_encoding_type(report: ColumnReport, requested_type: str) -> str:
    """Type by which a column is encoded, given the type that the request asks for.

    Booleans are encoded as 0 and 1 even if requested as numbers, and predictions still accept true and false.
    Two numbers other than 0 and 1, requested as booleans, are encoded as categories: an indicator of one of
    them. Predictions still accept the original numbers.
    """
    if report.type == "boolean" and requested_type in NUMBER_TYPES:
        return "boolean"
    if report.type in NUMBER_TYPES and requested_type == "boolean" and report.range != (0, 1):
        return "category"
    return requested_type
