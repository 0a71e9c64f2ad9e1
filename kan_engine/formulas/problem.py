"""What formulas are searched for: rows to explain, wishes, and the settings of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.core.target_precision import may_be_exact
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.search import StructureSearch
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE, StructureThresholds


@dataclass(frozen=True, kw_only=True)
class FormulaSettings:
    """How formulas are searched for; the same for a table and for the problems inside it.

    Attributes:
        constraints: What formulas may contain.
        is_symbolic: Whether formulas are wanted, and not only a small network.
        order: Order of the splines of small networks.
        prune: Whether edges that hardly matter are removed from small networks.
        required: Sets of indices of columns; every network reads one of each set.
        seed: Of all random numbers.
        max_seconds: Time of the job, from which the work of each strategy is planned.
        without: Names of strategies that are left out, to measure what they buy.
        assessment: Decision numbers of comparisons and verdicts.
        structure: Decision numbers of the search for small networks.
    """

    constraints: FormulaConstraints = NO_CONSTRAINTS
    is_symbolic: bool = True
    order: int = 3
    prune: bool = True
    required: tuple[frozenset[int], ...] = ()
    seed: int = 0
    max_seconds: float = 300.0
    without: frozenset[str] = frozenset()
    assessment: AssessmentThresholds = DEFAULT_ASSESSMENT
    structure: StructureThresholds = DEFAULT_STRUCTURE


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A target to explain by formulas of columns: that of a table, or of a reduction of it.

    Attributes:
        fit: Rows that constants and small networks are fitted to.
        validation: Other rows, on which both are judged.
        inputs: Scale of the columns, for small networks.
        settings: Wishes and decision numbers.
        callbacks: Progress, clock and the wish to stop.
        path: Names of the reductions that lead here from the table; empty for the table itself.
        may_be_exact: Whether a formula may hold to rounding error: not where the target is rounded.
        record_structure: Takes every small network that was fitted to the table.
    """

    fit: LabelledRows
    validation: LabelledRows
    inputs: Standardizer
    settings: FormulaSettings = field(default_factory=FormulaSettings)
    callbacks: Callbacks = field(default_factory=Callbacks)
    path: tuple[str, ...] = ()
    may_be_exact: bool = True
    record_structure: Callable[[FittedStructure], None] = lambda _: None

    @staticmethod
    def create(
        fit: LabelledRows,
        validation: LabelledRows,
        inputs: Standardizer | None = None,
        *,
        settings: FormulaSettings,
        callbacks: Callbacks,
        record_structure: Callable[[FittedStructure], None] = lambda _: None,
    ) -> Problem:
        """The problem of a table; columns are scaled by their ranges in ``fit`` unless told."""
        return Problem(
            fit=fit,
            validation=validation,
            inputs=inputs or Standardizer.fit(fit.x),
            settings=settings,
            callbacks=callbacks,
            may_be_exact=may_be_exact(fit, MAX_EXACT_ERROR),
            record_structure=record_structure,
        )

    @property
    def constraints(self) -> FormulaConstraints:
        """What formulas may contain."""
        return self.settings.constraints

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return self.fit.names

    @cached_property
    def rows(self) -> LabelledRows:
        """All rows, those to fit first."""
        return self.fit.append(self.validation)

    @cached_property
    def samples(self) -> tuple[StructureRows, StructureRows]:
        """The rows to fit and to validate as small networks take them."""
        fit, validation = (_scale(part, self.inputs) for part in (self.fit, self.validation))
        return fit, validation

    @cached_property
    def structures(self) -> StructureSearch:
        """Small networks of these rows, fitted in turn; their random starts depend on the path alone."""
        return StructureSearch(
            *self.samples,
            generator=torch.Generator().manual_seed(self.settings.seed + len(self.path)),
            order=self.settings.order,
            should_stop=self.callbacks.should_stop,
            thresholds=self.settings.structure,
        )

    @property
    def should_stop(self) -> Callable[[], bool]:
        """Whether the caller, or the clock, ends the search."""
        return self.callbacks.should_stop

    def reduce(self, reduction: Reduction, name: str) -> Problem:
        """The problem of the groups of a reduction; limits on columns no longer apply."""
        fit, validation = (reduction.reduce_data(part) for part in (self.fit, self.validation))
        constraints = self.constraints.drop_columns()
        return replace(
            self,
            fit=fit,
            validation=validation,
            inputs=Standardizer.fit(fit.x),
            settings=replace(self.settings, constraints=constraints, required=()),
            path=(*self.path, name),
            record_structure=lambda _: None,
        )

    def limit_work(self, share: float) -> Problem:
        """The same, but a search also stops after the work of this share of the time of the job."""
        return replace(self, callbacks=self.callbacks.limit_work(share * self.settings.max_seconds))

    def reweigh(self, weights: Float[np.ndarray, " rows"]) -> Problem:
        """The same rows with these weights [rows], those to fit first."""
        parts = np.split(weights, [len(self.fit)])
        fit, validation = (
            replace(part, weights=part_weights)
            for part, part_weights in zip((self.fit, self.validation), parts, strict=True)
        )
        return replace(self, fit=fit, validation=validation)

    def measure(self, tree: Expression, *, strategy: str) -> Candidate:
        """A formula with the constants that it has as a candidate."""
        formula = Formula.measure(tree, self.fit, self.validation, self.constraints)
        return Candidate.create(formula, strategy)

    def expand(
        self,
        reduction: Reduction,
        laws: Sequence[Expression],
        strategy: str,
        *,
        tried_in: Reduction | None = None,
        max_laws: int = 3,
    ) -> Iterator[Candidate]:
        """Yield the first laws of a reduction as formulas of the columns, the shortest description first.

        Their constants are refitted, which changes the order; nothing follows an exact law.
        """
        formulas = list[Candidate]()
        for law in laws[:max_laws]:
            tree = reduction.expand_law(law, self.validation.columns)
            formula = Formula.refit(tree, self.fit, self.validation, self.constraints)
            formulas.append(Candidate.create(formula, strategy, reduction=tried_in))
            if formula.error < MAX_EXACT_ERROR:
                break
        yield from sorted(formulas, key=lambda candidate: candidate.bits)


def _scale(rows: LabelledRows, inputs: Standardizer) -> StructureRows:
    return StructureRows(x=torch.from_numpy(inputs.forward(rows.x)), rows=rows)
