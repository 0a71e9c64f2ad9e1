"""Formulas from a network: candidates per edge, a joint refit of all constants, snapped constants.

Covers networks with at most ``MAX_HIDDEN_LAYERS`` hidden layers and ``max_edges`` live edges, as the
structure search returns them. ``edge_candidates`` and ``node_candidates`` rank the candidates of each part.
Combinations from a beam search are refitted jointly on the data; the error of a correct formula falls to
rounding error.
"""

from dataclasses import replace

import numpy as np

from kan_engine.expressions.constraints import MAX_HIDDEN_LAYERS
from kan_engine.expressions.evaluation import Expression, add, mul
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse, refit_constants
from kan_engine.formulas.core.constant_snapping import finalize_formula, to_form
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.thresholds import (
    COARSE_ROWS,
    MAX_EDGES,
    MAX_NOISY_REFIT_STEPS,
    MAX_REFIT_STEPS,
)
from kan_engine.formulas.core.transforms import invert_transform
from kan_engine.formulas.reading.edge_candidates import Choice, ExtractionContext
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.network_candidates import (
    NetworkPart,
    find_short_combinations,
    iterate_part_variants,
)
from kan_engine.formulas.reading.node_candidates import select_best_combinations
from kan_engine.network.kan import KAN

MAX_SOLVED_ERROR = 1e-11
"""Validation error over the spread of the target, below which a form ends the refits."""


def extract_formulas(network: KAN, reading: ExtractionContext, max_law_parts: int = 6) -> list[Formula]:
    """Return formulas of one output of a network, shortest description first; empty if there are none.

    Args:
        network: Network with at most one hidden layer.
        reading: Data, units and limits.
        max_law_parts: Parts of a network that may be a law; with more, a formula is an approximation, and is
            not searched under other noise.
    """
    if not _is_extractable(network):
        return []
    trials = _JointRefits(reading)
    # A noisy curve is read as exact first: a law shows itself, however complex it is
    for noise in reading.known.weightings():
        view, count = replace(reading, known=noise), 0
        for parts in iterate_part_variants(network, view):
            trials.refit_combinations(parts)
            count = len(parts)
            if trials.is_over:
                break
        if trials.is_over or trials.has_close_form() or count > max_law_parts:
            break
    return _finalize_forms(trials.refit_best(), reading)


def extract_shorter_formulas(
    network: KAN, reading: ExtractionContext, *, max_complexity: int = 60, steps: int = 20
) -> list[Formula]:
    """Return formulas that omit parts of a network or use simpler forms, shortest description first.

    Dynamic programming finds, for every complexity, the choices for all parts with the least summed error. A
    longer combination is kept only if its error is much lower than the error of the one before.

    Args:
        network: Network with at most one hidden layer.
        reading: Data, units and limits.
        max_complexity: If the client sets none.
        steps: Of the refit of a formula on all rows.
    """
    if not _is_extractable(network) or reading.should_stop():
        return []
    parts = next(iter(iterate_part_variants(network, reading)))
    longest = reading.limits.max_complexity or max_complexity
    forms = [_join_choices(picks, reading) for picks in find_short_combinations(parts, reading, longest)]
    refits = []
    for form in forms:
        if reading.should_stop():
            break
        # A coarse fit on few rows, whose result needs only a few steps on all
        coarse = refit_constants(form, reading.fit[:COARSE_ROWS], iterations=MAX_REFIT_STEPS)
        refits.append(refit_constants(coarse, reading.fit, iterations=steps))
    return _finalize_forms(refits, reading)


def _is_extractable(network: KAN) -> bool:
    is_shallow = len(network.stack) <= MAX_HIDDEN_LAYERS + 1 and not network.stack[-1].products
    return is_shallow and network.edge_count <= MAX_EDGES


def _finalize_forms(forms: list[ParametricForm], reading: ExtractionContext) -> list[Formula]:
    trees: dict[Expression, None] = {}
    data = reading.fit, reading.validation
    for form in forms:
        if trees and reading.should_stop():
            break
        tree = finalize_formula(form, *data, reading.limits.forbidden)
        trees[tree] = None
    formulas = [Formula.measure(tree, *data, reading.limits) for tree in trees]
    finite = [formula for formula in formulas if np.isfinite(formula.error)]
    return sorted(finite, key=lambda formula: formula.bits)


class _JointRefits:
    """Joint refits of combinations of choices, one after the other, until a form is exact.

    Attributes:
        is_over: Whether an exact form was found or the caller asked to stop.
    """

    def __init__(self, reading: ExtractionContext) -> None:
        self._reading = reading
        self._everything = reading.fit.append(reading.validation)
        self._coarse = reading.fit[:COARSE_ROWS]
        self._found: list[tuple[float, ParametricForm]] = []
        self._solved: ParametricForm | None = None
        self.is_over = False

    def has_close_form(self) -> bool:
        """Whether the form with the shortest description is as close to the data as the network."""
        reading = self._reading
        limit, best = reading.known.noise * reading.fit.spread, _select_shortest(self._found, 1)
        return any(compute_rmse(form, reading.validation) <= limit for form in best)

    def refit_combinations(self, parts: list[NetworkPart], max_combinations: int = 24) -> None:
        """Refit the ``max_combinations`` combinations of choices for all parts with the best scores."""
        choices = [part.choices for part in parts]
        for picks in select_best_combinations(choices, max_combinations, lambda choice: choice.score):
            self.is_over = self.is_over or (bool(self._found) and self._reading.should_stop())
            if self.is_over:
                return
            self._refit_form(_join_choices(picks, self._reading))

    def _refit_form(self, form: ParametricForm) -> None:
        reading, rows = self._reading, self._coarse
        steps = MAX_NOISY_REFIT_STEPS if reading.known.is_noisy else MAX_REFIT_STEPS
        refit_form = refit_constants(form, rows, iterations=steps)
        length = description_length(refit_form, self._everything)
        if np.isfinite(length):
            self._found.append((length, refit_form))
        if compute_rmse(refit_form, reading.validation) / reading.fit.spread < MAX_SOLVED_ERROR:
            self._solved = self._solved or refit_form
            self.is_over = reading.limits.allow(refit_form.numeric_tree)

    def refit_best(
        self, *, max_forms: int = 2, max_noisy_forms: int = 4, close: int = 12, steps: int = 10
    ) -> list[ParametricForm]:
        """Return the best forms, refitted on all rows of ``fit``.

        Args:
            max_forms, max_noisy_forms: Their number, without and with noise.
            close: Best forms under noise, which may have decided their order: they are compared on all rows.
            steps: Of the refit before that comparison.
        """
        if self._solved is not None:
            return self._refit_forms([self._solved])
        if not self._reading.known.is_noisy:
            return self._refit_forms(_select_shortest(self._found, max_forms))
        # The description length of forms fitted to few rows depends on their noise
        forms = self._refit_forms(_select_shortest(self._found, close), steps)
        again = [(description_length(form, self._everything), form) for form in forms]
        return self._refit_forms(_select_shortest(again, max_noisy_forms))

    def _refit_forms(self, forms: list[ParametricForm], steps: int = 60) -> list[ParametricForm]:
        return [refit_constants(form, self._reading.fit, iterations=steps) for form in forms]


def _select_shortest(candidates: list[tuple[float, ParametricForm]], count: int) -> list[ParametricForm]:
    """Return the ``count`` forms with the shortest description."""
    return [form for _, form in sorted(candidates, key=lambda pair: pair[0])[:count]]


def _join_choices(
    picks: tuple[Choice, ...], reading: ExtractionContext, max_exponent: float = 500.0
) -> ParametricForm:
    """The sum of the parts, and its constant, behind the transform of the target.

    The constant of an exponent up to ``max_exponent`` becomes a factor, which is more often a simple number.
    """
    total = sum((choice.total for choice in picks), LinearSum({}, reading.center))
    tree = LinearSum(total.terms).tree
    if reading.logarithms and abs(total.constant) < max_exponent:
        factor = make_measured(np.exp(total.constant))
        return to_form(mul(factor, invert_transform(reading.transform, tree)))
    return to_form(invert_transform(reading.transform, add(make_measured(total.constant), tree)))
