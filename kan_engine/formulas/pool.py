"""The candidates of a search, whatever strategy proposed them, and the small networks behind them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import refit_constants
from kan_engine.formulas.core.constant_snapping import round_constants, to_form
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.core.thresholds import COARSE_ROWS, FURTHER_STEPS, MAX_EXACT_ERROR
from kan_engine.formulas.core.wishes import satisfy_wishes
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.soundness.resolution import resolve_arguments
from kan_engine.numerics.ties import rank_error
from kan_engine.structure.fitted_structure import FittedStructure


@dataclass(frozen=True, eq=False)
class ReducedPool:
    """The pool of a reduction of a problem.

    Attributes:
        name: Of the strategy that reduced the problem.
        reduction: The groups and the factor.
        problem: The problem that was reduced.
        pool: What was found in the groups.
    """

    name: str
    reduction: Reduction
    problem: Problem
    pool: Pool


@dataclass(eq=False)
class Pool:
    """Candidates of one problem, the shortest description first.

    Attributes:
        problem: What they explain.
        candidates: Each formula once, however it is written.
        structures: All small networks that were fitted.
        read: Those from which formulas were extracted.
        reduced: The pools of the reductions whose problems were searched.
        has_run: Names of the strategies that ran.
    """

    problem: Problem
    candidates: list[Candidate] = field(default_factory=list)
    structures: list[FittedStructure] = field(default_factory=list)
    read: list[FittedStructure] = field(default_factory=list)
    reduced: list[ReducedPool] = field(default_factory=list)
    has_run: set[str] = field(default_factory=set)
    _values: dict[Expression, Float[np.ndarray, " rows"]] = field(default_factory=dict, repr=False)

    def add(self, candidate: Candidate) -> bool:
        """Add a candidate, adapted to the wishes, unless it is known; return whether it entered.

        Formulas with the same values at the rows are one formula, of which the shortest description is kept.
        """
        resolution = resolve_candidate(candidate, self.problem)
        variant = None if resolution is None else adapt_candidate(resolution, self.problem)
        if variant is None:
            return False
        # Formulas with the same values compete by their description alone
        duplicates = [member for member in self.candidates if self._are_equal(member, variant)]
        if any(member.bits <= variant.bits for member in duplicates):
            return False
        survivors = [member for member in self.candidates if member not in duplicates]
        self.candidates = sorted([*survivors, variant], key=lambda member: member.bits)
        return True

    def _are_equal(self, a: Candidate, b: Candidate, rounding: float = 1e-10) -> bool:
        """Whether two formulas have the same values up to rounding errors, over the spread of the target."""
        if a.tree == b.tree:
            return True
        values_a, values_b = (self._evaluate(candidate.tree) for candidate in (a, b))
        return bool(np.abs(values_a - values_b).max() <= rounding * self.problem.rows.spread)

    def _evaluate(self, tree: Expression) -> Float[np.ndarray, " rows"]:
        if tree not in self._values:
            self._values[tree] = evaluate(tree, self.problem.rows.columns)
        return self._values[tree]

    def reweigh(self, weights: Float[np.ndarray, " rows"]) -> None:
        """Give the rows of the problem other weights, and measure the candidates with them."""
        self.problem = self.problem.reweigh(weights)
        candidates, self.candidates = self.candidates, []
        for candidate in candidates:
            measurement = self.problem.measure(candidate.tree, strategy=candidate.strategy)
            self.add(replace(candidate, error=measurement.error, bits=measurement.bits))

    def add_structure(self, structure: FittedStructure) -> None:
        """Keep a small network that was fitted."""
        self.structures.append(structure)
        self.problem.record_structure(structure)

    @property
    def best(self) -> Candidate | None:
        """The candidate with the shortest description; exact ones come first by far."""
        return self.candidates[0] if self.candidates else None

    @property
    def exact(self) -> Candidate | None:
        """The best candidate if it holds to rounding error."""
        return self.best if self.best is not None and self.best.error < MAX_EXACT_ERROR else None

    @property
    def closest_structure(self) -> FittedStructure | None:
        """The small network with the lowest error."""
        return min(self.structures, key=lambda structure: rank_error(structure.error), default=None)

    @property
    def has_adequate_structure(self) -> bool:
        """Whether a small network represents the rows."""
        return any(structure.is_adequate for structure in self.structures)


def resolve_candidate(candidate: Candidate, problem: Problem) -> Candidate | None:
    """The candidate, with levels for steps; None if the rows cannot tell its arguments."""
    if not np.isfinite(candidate.error):
        return None
    tree = resolve_arguments(candidate.tree, problem.rows)
    if tree is None or tree == candidate.tree:
        return None if tree is None else candidate
    formula = Formula.refit(tree, problem.fit, problem.validation, problem.constraints)
    price, structure = candidate.selection_bits, candidate.structure
    return Candidate.create(formula, candidate.strategy, structure=structure, selection_bits=price)


ADAPTED = "adapted to the wishes"  # strategy of a variant of another candidate


def adapt_candidate(candidate: Candidate, problem: Problem) -> Candidate | None:
    """The candidate if it satisfies the wishes, else the variant with the shortest description that does.

    Constants may become simple numbers unless a wanted column would vanish; then they are only rounded.

    Returns:
        None without a variant, or if a wanted column changes an exact law by rounding errors alone.
    """
    limits = problem.constraints
    if limits.allow(candidate.tree):
        return candidate
    # Variants compete on few rows; the best one is fitted to all
    sample = problem.fit[:COARSE_ROWS]
    forms = [
        refit_constants(to_form(tree), sample, iterations=FURTHER_STEPS)
        for tree in satisfy_wishes(candidate.tree, problem.fit, limits)
        if limits.allow_form(tree)
    ]
    form = min(forms, key=partial(description_length, rows=sample), default=None)
    if form is None:
        return None
    rows = problem.fit, problem.validation
    formula = Formula.refit(form.numeric_tree, *rows, limits)
    if limits.list_missing(formula.tree) and formula.error >= MAX_EXACT_ERROR:
        form = refit_constants(form, problem.rows, iterations=FURTHER_STEPS)
        formula = Formula.measure(round_constants(form, problem.rows).numeric_tree, *rows, limits)
    if not (np.isfinite(formula.error) and limits.allow(formula.tree)):
        return None
    price, structure = candidate.selection_bits, candidate.structure
    return Candidate.create(formula, ADAPTED, structure=structure, selection_bits=price)
