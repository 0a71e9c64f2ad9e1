"""Formulas from a network: candidates per edge, a joint refit of all constants, snapped constants.

Covers networks with at most ``MAX_HIDDEN_LAYERS`` hidden layers and ``max_edges`` live edges, as the
structure search returns them. ``edge_candidates`` and ``node_candidates`` rank the candidates of each part.
Combinations from a beam search are refitted jointly on the data; the error of a correct formula falls to
rounding error.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TRANSFORMS
from kan_engine.expressions.constraints import MAX_HIDDEN_LAYERS
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Parameter,
    Pow,
    add,
)
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    compute_rmse,
    refit_constants,
)
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.transforms import INVERSE_TRANSFORMS
from kan_engine.formulas.reading.edge_candidates import Choice, ExtractionContext
from kan_engine.formulas.reading.network_candidates import (
    NetworkPart,
    find_short_combinations,
    iterate_part_variants,
)
from kan_engine.formulas.reading.node_candidates import renumber_parameters, select_best_combinations
from kan_engine.network.kan import KAN


def extract_formulas(network: KAN, reading: ExtractionContext) -> list[Formula]:
    """Return formulas of one output of a network, shortest description first; empty if there are none.

    Args:
        network: Network with at most one hidden layer.
        reading: Data, units and limits.
    """
    if not _is_extractable(network, reading):
        return []
    trials = _JointRefits(reading)
    for known in reading.known.weightings():
        view, count = replace(reading, known=known), 0
        for parts in iterate_part_variants(network, view):
            trials.refit_combinations(parts, view)
            count = len(parts)
            if trials.is_over:
                break
        if trials.is_over or trials.has_close_form() or count > reading.thresholds.max_law_parts:
            break
    return _finalize_forms(trials.refit_best(), reading)


def extract_shorter_formulas(network: KAN, reading: ExtractionContext) -> list[Formula]:
    """Return formulas that omit parts of a network or use simpler forms, shortest description first.

    Dynamic programming finds, for every complexity, the choices for all parts with the least summed error. A
    longer combination is kept only if its error is much lower than the error of the one before.
    """
    if not _is_extractable(network, reading) or reading.should_stop():
        return []
    parts = next(iter(iterate_part_variants(network, reading)))
    limits = reading.thresholds
    longest = reading.limits.max_complexity or limits.default_max_complexity
    forms = [_join_choices(picks, reading) for picks in find_short_combinations(parts, reading, longest)]
    few, fitted = reading.fit[: limits.constants.coarse_rows], []
    for form in forms:
        if reading.should_stop():
            break
        coarse = refit_constants(form, few, iterations=limits.max_refit_steps)
        fitted.append(refit_constants(coarse, reading.fit, iterations=limits.short_refit_steps))
    return _finalize_forms(fitted, reading)


def _is_extractable(network: KAN, reading: ExtractionContext) -> bool:
    is_small = network.edge_count <= reading.thresholds.max_edges
    return len(network.stack) <= MAX_HIDDEN_LAYERS + 1 and is_small


def _finalize_forms(forms: list[ParametricForm], reading: ExtractionContext) -> list[Formula]:
    trees: dict[Expression, None] = {}
    data, limits = (reading.fit, reading.validation), reading.thresholds
    for form in forms:
        if trees and reading.should_stop():
            break
        tree = finalize_formula(form, *data, reading.limits.forbidden, thresholds=limits)
        trees[tree] = None
    formulas = [Formula.measure(tree, *data, reading.limits, thresholds=limits) for tree in trees]
    finite = [formula for formula in formulas if np.isfinite(formula.error)]
    return sorted(finite, key=lambda formula: formula.bits)


class _JointRefits:
    """Joint refits of combinations of choices, one after the other, until a form is exact.

    Attributes:
        is_over: Whether an exact form was found or the caller asked to stop.
    """

    def __init__(self, reading: ExtractionContext) -> None:
        self._reading, self._limits = reading, reading.thresholds
        self._everything = reading.fit.append(reading.validation)
        self._coarse = reading.fit[: self._limits.constants.coarse_rows]
        self._found: list[tuple[float, ParametricForm]] = []
        self._solved: ParametricForm | None = None
        self.is_over = False

    def has_close_form(self) -> bool:
        """Whether the form with the shortest description is as close to the data as the network."""
        limit = self._reading.known.noise * self._reading.fit.spread
        return any(
            compute_rmse(form, self._reading.validation) <= limit for form in _select_shortest(self._found, 1)
        )

    def refit_combinations(self, parts: list[NetworkPart], view: ExtractionContext) -> None:
        """Refit combinations of the choices for all parts; under noise also neighbours of the best one."""
        if not all(part.choices for part in parts):
            return
        tried: dict[tuple[Choice, ...], float] = {}
        offered = [part.choices for part in parts]
        most = self._limits.max_combinations
        self._refit_untried(select_best_combinations(offered, most, lambda choice: choice.score), tried)
        for _ in range(self._limits.noisy_sweeps if view.known.is_noisy else 0):
            if self.is_over or not tried:
                return
            best = min(tried, key=lambda picks: tried[picks])
            few = [choices[: self._limits.choices_per_sweep] for choices in offered]
            self._refit_untried(_neighbours(best, few), tried)

    def _refit_untried(
        self, combinations: Iterable[tuple[Choice, ...]], tried: dict[tuple[Choice, ...], float]
    ) -> None:
        for picks in combinations:
            if self.is_over or (self._found and self._reading.should_stop()):
                self.is_over = True
                return
            if picks not in tried:
                tried[picks] = self._refit_form(_join_choices(picks, self._reading))

    def _refit_form(self, form: ParametricForm) -> float:
        """Refit a form and return its description length."""
        limits = self._limits
        steps = limits.max_noisy_refit_steps if self._reading.known.is_noisy else limits.max_refit_steps
        rows = self._coarse
        if not np.isfinite(compute_rmse(form, rows)):
            form = _fit_inner_expression(form, rows, self._reading)
        fitted = refit_constants(form, rows, iterations=steps)
        length = description_length(fitted, self._everything, limits.constants)
        if np.isfinite(length):
            self._found.append((length, fitted))
        if (
            compute_rmse(fitted, self._reading.validation) / self._reading.fit.spread
            < limits.max_solved_error
        ):
            self._solved = self._solved or fitted
            self.is_over = self._reading.limits.allow(fitted.numeric_tree)
        return length

    def refit_best(self) -> list[ParametricForm]:
        """Return the best forms, refitted on all rows of ``fit``."""
        limits = self._limits
        if self._solved is not None:
            return self._refit_forms([self._solved], limits.final_refit_steps)
        if not self._reading.known.is_noisy:
            best = _select_shortest(self._found, limits.max_final_forms)
            return self._refit_forms(best, limits.final_refit_steps)
        close = _select_shortest(self._found, limits.max_close_forms)
        close = self._refit_forms(close, limits.ranking_refit_steps)
        again = [(description_length(form, self._everything, limits.constants), form) for form in close]
        best = _select_shortest(again, limits.max_noisy_final_forms)
        return self._refit_forms(best, limits.final_refit_steps)

    def _refit_forms(self, forms: list[ParametricForm], steps: int) -> list[ParametricForm]:
        return [refit_constants(form, self._reading.fit, iterations=steps) for form in forms]


def _neighbours(picks: tuple[Choice, ...], offered: list[list[Choice]]) -> Iterator[tuple[Choice, ...]]:
    """Yield the combinations that differ from ``picks`` in at most one part."""
    for place, choices in enumerate(offered):
        for choice in choices:
            yield (*picks[:place], choice, *picks[place + 1 :])


def _select_shortest(found: list[tuple[float, ParametricForm]], count: int) -> list[ParametricForm]:
    """Return the ``count`` forms with the shortest description."""
    return [form for _, form in sorted(found, key=lambda pair: pair[0])[:count]]


def _fit_inner_expression(
    form: ParametricForm, rows: LabelledRows, reading: ExtractionContext
) -> ParametricForm:
    """Fit the argument of the outermost function to T(y).

    A form that is not finite, as the root of a negative value, has no gradient to refit it by.
    """
    if not isinstance(form.tree, Pow | Call):
        return form
    inside = form.tree.base if isinstance(form.tree, Pow) else form.tree.argument
    moved = np.asarray(TRANSFORMS[reading.transform].forward(rows.y))
    fitted = refit_constants(
        ParametricForm(inside, form.values),
        rows.with_target(moved),
        iterations=reading.thresholds.max_noisy_refit_steps,
    )
    return ParametricForm(form.tree, fitted.values)


def _join_choices(picks: tuple[Choice, ...], reading: ExtractionContext) -> ParametricForm:
    terms: list[Expression] = [Parameter(0)]
    values = [reading.center + sum(choice.constant for choice in picks)]
    for choice in picks:
        terms.append(renumber_parameters(choice.tree, len(values)))
        values += choice.values
    return ParametricForm(INVERSE_TRANSFORMS[reading.transform](add(*terms)), np.array(values))
