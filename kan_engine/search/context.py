"""Shared state of a law search, and the extraction of formulas from a structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch

from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.unit_system import make_unit_system
from kan_engine.formulas.callbacks import Callbacks, ReportProgress, TrialReport, ignore_step, ignore_trial
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.core.relevant_columns import select_relevant_columns
from kan_engine.formulas.problem import FormulaSettings, Problem
from kan_engine.formulas.trace import TraceStep
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.search.config import SearchConfig
from kan_engine.search.subtasks import InProcess, SubtaskCache
from kan_engine.search.thresholds import SearchThresholds
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows

if TYPE_CHECKING:
    from kan_engine.search.result import SearchResult


@dataclass(frozen=True, kw_only=True)
class SearchContext:
    """Data, settings and callbacks that every step of a search needs.

    Attributes:
        names: Variable per encoded column.
        inputs: Scale of the encoded columns, by their ranges.
        generator: Source of randomness of the law search.
        report: See ``Callbacks``, like ``should_stop``, ``clock``, ``record_trial``, ``record_step`` and
            ``keep``.
        contest: Records the validation errors of all candidates that are compared.
        parts: Subtasks of the search that other workers do, or have done.
        cross_validation: Folds and simple models that candidates are compared on.
        started_at: What ``clock`` said at the start of the search.
    """

    data: TrainingData
    config: SearchConfig
    names: tuple[str, ...]
    inputs: Standardizer
    generator: torch.Generator
    report: ReportProgress
    should_stop: Callable[[], bool]
    clock: Callable[[], float]
    contest: OptimismCorrection
    cross_validation: CrossValidation
    parts: SubtaskCache = field(default_factory=InProcess)
    started_at: float = 0.0
    record_trial: Callable[[TrialReport], None] = ignore_trial
    record_step: Callable[[TraceStep], None] = ignore_step
    keep: Callable[[SearchResult], None] = lambda _: None

    @staticmethod
    def create(
        data: TrainingData,
        config: SearchConfig,
        callbacks: Callbacks = Callbacks(),  # noqa: B008 - immutable
        parts: SubtaskCache | None = None,
    ) -> SearchContext:
        """Create the context at the start of a search."""
        constraints = config.constraints.resolve_columns(_list_variables(data))
        constraints = replace(constraints, bounds=data.bounds)
        # Shape constraints are checked within the range of the training rows
        if constraints.has_shape:
            ends = zip(
                data.names, data.training.x.min(0).tolist(), data.training.x.max(0).tolist(), strict=True
            )
            constraints = replace(constraints, box=tuple(ends))
        target = data.target if data.classes is None else None
        units = make_unit_system(data.units, target, config.units, data.encoding.indicators)
        config = replace(config, constraints=replace(constraints, units=units))
        return SearchContext(
            data=data,
            config=config,
            names=data.names,
            inputs=Standardizer.fit(data.training.x),
            report=callbacks.report,
            should_stop=callbacks.should_stop,
            clock=callbacks.clock,
            contest=OptimismCorrection(data.validation.weights, config.thresholds.inference),
            cross_validation=CrossValidation(
                data=data,
                seed=config.seed,
                is_ordered=config.is_ordered,
                thresholds=config.thresholds.assessment,
                selection=config.thresholds.selection,
            ),
            generator=torch.Generator().manual_seed(config.seed),
            parts=parts or InProcess(),
            started_at=callbacks.clock(),
            record_trial=callbacks.record_trial,
            record_step=callbacks.record_step,
            keep=callbacks.keep,
        )

    @property
    def thresholds(self) -> SearchThresholds:
        """Decision numbers of the search."""
        return self.config.thresholds

    def make_generator(self, number: int = 0) -> torch.Generator:
        """A generator with the job's seed, so that subtasks do not affect each other's random numbers.

        Args:
            number: Of a part of a step; other parts have other random numbers.
        """
        return torch.Generator().manual_seed(self.config.seed + number)

    @property
    def column_wishes(self) -> tuple[frozenset[int], ...]:
        """Indices of encoded columns, of each set of which every network must read one."""
        groups = (
            frozenset(self.names.index(name) for name in group if name in self.names)
            for group in self.config.constraints.must_use
        )
        return tuple(group for group in groups if group)

    def limit_time(self, share: float) -> SearchContext:
        """A copy that stops when this share of the job's time has passed, to leave time for what follows."""
        until = self.started_at + share * self.config.max_seconds
        return replace(self, should_stop=lambda: self.should_stop() or self.clock() > until)

    def select_columns(self) -> tuple[SearchContext, list[int]]:
        """The context on the most relevant columns, and their indices.

        With at most ``max_structure_inputs`` columns all are kept. With more, a law search would not end in
        time, so ``max_selected_columns`` are selected on the training rows. This bounds the work; whether a
        column has an effect at all is decided before, by ``kan_engine.data.screening``.
        """
        if len(self.names) <= self.thresholds.max_structure_inputs:
            return self, list(range(len(self.names)))
        fit, validation = sample_search_rows(self)
        names = select_relevant_columns(fit.append(validation), self.thresholds.max_selected_columns)
        # Columns that the client wishes stay, however relevant they are
        required_names = {name for group in self.config.constraints.must_use for name in group}
        names = [name for name in self.names if name in names or name in required_names]
        places = [self.names.index(name) for name in names]
        data = replace(self.data, rows=self.data.rows.select_columns(places))
        inputs = Standardizer.fit(data.training.x)
        folds = replace(self.cross_validation, data=data)
        return replace(self, data=data, names=tuple(names), inputs=inputs, cross_validation=folds), places


def _list_variables(data: TrainingData) -> dict[str, list[str]]:
    """The variables of every column of the client."""
    by_column: dict[str, list[str]] = {}
    for column in data.encoding.names:
        by_column.setdefault(column.feature, []).append(column.name)
    return by_column


@dataclass(frozen=True, kw_only=True)
class FoundLaw:
    """A small structure and its formulas.

    Attributes:
        is_read: Whether the best formula was extracted from the structure; otherwise it was found
            independently.
        is_cut: Whether the search was ended early to leave time for larger networks.
        tried_in: The variables in which all short formulas were tried, if the best one is of these.
        has_relative_errors: Whether rows counted by the inverse square of the target.
    """

    fit: FittedStructure
    formulas: Sequence[Formula]
    is_read: bool = True
    is_cut: bool = False
    tried_in: Reduction | None = None
    has_relative_errors: bool = False

    @property
    def error(self) -> float:
        """Error of the best formula; infinite without formulas."""
        return self.formulas[0].error if self.formulas else float("inf")

    @property
    def bits(self) -> float:
        """Description length of the best formula, in bits; infinite without formulas."""
        return self.formulas[0].bits if self.formulas else float("inf")


def sample_search_rows(
    run: SearchContext, *, max_validation_rows: int = 750
) -> tuple[LabelledRows, LabelledRows]:
    """Samples of the fit and validation rows for the law search.

    Args:
        max_validation_rows: Rows that validate; more do not change which law is selected.
    """
    seed, limits = run.config.seed, run.thresholds
    # Samples of the same seed: every step of the search sees the same rows
    fit = run.data.fit.sample(limits.max_rows, seed)
    return fit, run.data.validation.sample(max_validation_rows, seed)


def to_sample(rows: LabelledRows, inputs: Standardizer) -> StructureRows:
    """Rows with scaled inputs, as the structure search takes them."""
    return StructureRows(rows=rows, x=torch.from_numpy(inputs.forward(np.ascontiguousarray(rows.x))))


def record_validation_errors(fit: FittedStructure, run: SearchContext) -> None:
    """Record a structure's absolute errors on the validation rows for the optimism correction."""
    part = run.data.validation
    if run.contest.is_open:
        with torch.no_grad():
            outputs = fit.network(torch.from_numpy(run.inputs.forward(part.x))).numpy()
        # The inverse of a transform may overflow; errors that are not finite are not recorded
        with np.errstate(all="ignore"):
            run.contest.record(np.abs(fit.scaler.inverse(outputs)[:, 0] - part.y))


def make_problem(
    run: SearchContext, rows: tuple[LabelledRows, LabelledRows] | None = None, *, is_recorded: bool = True
) -> Problem:
    """What formulas are searched for.

    Args:
        run: The search context.
        rows: To fit and to validate; by default samples of those of the table.
        is_recorded: Whether small networks are candidates for the model, and the steps those of its search.
    """
    config, limits = run.config, run.thresholds

    numbers = count(1)

    def record(structure: FittedStructure) -> None:
        record_validation_errors(structure, run)
        run.report("structure", 0.05, *_describe_structure(next(numbers), structure))
        if np.isfinite(structure.error):
            kan_config = structure.network.config
            run.record_trial(
                TrialReport(
                    kind="structure", width=kan_config.width, grid=kan_config.grid_size, error=structure.error
                )
            )

    fit, validation = rows or sample_search_rows(run)
    return Problem.create(
        fit,
        validation,
        run.inputs,
        settings=FormulaSettings(
            constraints=config.constraints,
            is_symbolic=config.symbolic,
            order=config.order,
            prune=config.prune,
            required=run.column_wishes,
            seed=config.seed,
            max_seconds=config.max_seconds,
            without=config.without,
            assessment=limits.assessment,
            structure=limits.structure,
        ),
        callbacks=Callbacks(
            report=run.report,
            record_step=run.record_step if is_recorded else ignore_step,
            should_stop=run.should_stop,
            clock=run.clock,
        ),
        record_structure=record if is_recorded else lambda _: None,
    )


def _describe_structure(number: int, structure: FittedStructure) -> tuple[str, float | None]:
    """Progress message for a structure, and its error if finite."""
    nodes, error = len(structure.shape.nodes), structure.error
    message = f"shape {number} with {nodes} hidden node{'' if nodes == 1 else 's'}"
    if not np.isfinite(error):
        return f"{message}: does not fit", None
    return f"{message}: error {error:.1e}", error
