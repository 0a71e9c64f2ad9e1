"""Shared state of a law search, and the extraction of formulas from a structure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from kan_engine.assessment.chi_square import compute_chi_square
from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.assessment.residual_signal import measure_residual_signal
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.unit_system import make_unit_system
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.reading.edge_candidates import ExtractionContext
from kan_engine.formulas.reading.extraction import extract_formulas, extract_shorter_formulas
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reductions.variable_groups import Reduction
from kan_engine.formulas.strategies.sums.sparse_additive import select_relevant_columns
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.network.kan import KAN
from kan_engine.search.callbacks import Callbacks, ReportProgress, TrialReport, ignore_trial
from kan_engine.search.config import SearchConfig
from kan_engine.search.subtasks import InProcess, SubtaskCache
from kan_engine.search.thresholds import SearchThresholds
from kan_engine.structure.backward_elimination import eliminate_edges
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
        report: See ``Callbacks``, like ``should_stop``, ``clock``, ``record_trial`` and ``keep``.
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
        most, symbolic = self.thresholds.max_selected_columns, self.thresholds.symbolic
        kept = select_relevant_columns(fit.append(validation), most, thresholds=symbolic)
        wanted = {name for group in self.config.constraints.must_use for name in group}
        kept = [name for name in self.names if name in kept or name in wanted]
        places = [self.names.index(name) for name in kept]
        data = replace(self.data, rows=self.data.rows.select_columns(places))
        inputs = Standardizer.fit(data.training.x)
        folds = replace(self.cross_validation, data=data)
        return replace(self, data=data, names=tuple(kept), inputs=inputs, cross_validation=folds), places


def _list_variables(data: TrainingData) -> dict[str, list[str]]:
    """The variables of every column of the client."""
    found: dict[str, list[str]] = {}
    for column in data.encoding.names:
        found.setdefault(column.feature, []).append(column.name)
    return found


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
    formulas: list[Formula]
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


def sample_search_rows(run: SearchContext) -> tuple[LabelledRows, LabelledRows]:
    """Samples of the fit and validation rows for the law search."""
    seed, limits = run.config.seed, run.thresholds
    fit = run.data.fit.sample(limits.max_rows, seed)
    return fit, run.data.validation.sample(limits.max_validation_rows, seed)


def to_sample(rows: LabelledRows, inputs: Standardizer) -> StructureRows:
    """Rows with scaled inputs, as the structure search takes them."""
    return StructureRows(rows=rows, x=torch.from_numpy(inputs.forward(np.ascontiguousarray(rows.x))))


def record_validation_errors(fit: FittedStructure, run: SearchContext) -> None:
    """Record a structure's absolute errors on the validation rows for the optimism correction."""
    part = run.data.validation
    if run.contest.is_open:
        with torch.no_grad():
            outputs = fit.network(torch.from_numpy(run.inputs.forward(part.x))).numpy()
        with np.errstate(all="ignore"):
            run.contest.record(np.abs(fit.scaler.inverse(outputs)[:, 0] - part.y))


def extract_law(
    structure: FittedStructure, fit: StructureRows, validation: StructureRows, run: SearchContext
) -> FoundLaw:
    """Prune a structure and extract its formulas."""
    if run.config.prune:
        structure = eliminate_edges(structure, fit, validation, run.should_stop, required=run.column_wishes)
    if not run.config.symbolic:
        return FoundLaw(fit=structure, formulas=[])
    reading = _make_extraction_context(structure, fit, validation, run)
    formulas = extract_formulas(structure.network, reading)
    constraints = run.config.constraints
    if constraints.max_complexity is not None or constraints.max_constants is not None:
        formulas += extract_shorter_formulas(structure.network, reading)
    return FoundLaw(fit=structure, formulas=sort_formulas(formulas))


def add_shorter_formulas(
    law: FoundLaw, fit: StructureRows, validation: StructureRows, run: SearchContext
) -> FoundLaw:
    """Add shorter, less accurate formulas to a law that is not exact."""
    if not law.formulas or law.error < run.thresholds.max_exact_error:
        return law
    shorter = extract_shorter_formulas(
        law.fit.network, _make_extraction_context(law.fit, fit, validation, run)
    )
    return replace(law, formulas=sort_formulas([*law.formulas, *shorter]))


def sort_formulas(formulas: list[Formula]) -> list[Formula]:
    """Remove duplicate formulas and sort the rest by description length."""
    return sorted({formula.tree: formula for formula in formulas}.values(), key=lambda formula: formula.bits)


def _make_extraction_context(
    structure: FittedStructure, fit: StructureRows, validation: StructureRows, run: SearchContext
) -> ExtractionContext:
    return ExtractionContext(
        names=run.names,
        fit=fit.rows,
        validation=validation.rows,
        scaled=fit.x,
        output=0,
        center=float(structure.scaler.mean[0]),
        scale=float(structure.scaler.std[0]),
        transform=structure.scaler.transform,
        known=estimate_precision(
            structure.error,
            structure.network,
            len(fit.x),
            is_noisy=not structure.is_adequate,
            thresholds=run.thresholds,
        ),
        limits=run.config.constraints,
        should_stop=run.should_stop,
    )


def estimate_precision(
    error: float, network: KAN, rows: int, *, is_noisy: bool, thresholds: SearchThresholds
) -> NoiseModel:
    """Precision of a network's curves: that of the network itself, unless its error is noise.

    Args:
        error: Of the network, over the spread of the target.
        network: The network.
        rows: Number of rows that it was fitted to.
        is_noisy: Whether the error is noise.
        thresholds: The upper bound of the error, and the thresholds of the extraction.
    """
    tolerance, symbolic = thresholds.max_curve_tolerance, thresholds.symbolic
    if not is_noisy:
        return NoiseModel.exact(_clamp_error(error, tolerance), symbolic)
    spared = min(1.0, network.parameter_count / rows) ** 0.5  # share of the noise that the fit retains
    return NoiseModel.noisy(_clamp_error(error * spared, tolerance), error, rows, symbolic)


def _clamp_error(error: float, tolerance: float) -> float:
    return min(max(2 * error, 1e-6), tolerance)


def leaves_only_noise(
    formulas: list[Formula], fit: LabelledRows, validation: LabelledRows, run: SearchContext
) -> bool:
    """Whether the residuals of the best formula hold no detectable signal and exceed rounding error.

    Where the errors of the rows are known, the residuals must not exceed them.
    """
    if not formulas or formulas[0].error < run.thresholds.max_exact_error:
        return False
    limits = run.thresholds
    known = compute_chi_square(formulas[0].tree, fit.append(validation))
    if known is not None and known.p_value <= limits.assessment.significance_level:
        return False
    signal = measure_residual_signal(formulas[0].tree, fit, validation, limits.assessment)
    return signal < limits.min_signal_share
