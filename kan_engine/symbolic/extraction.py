"""Formulas from a network: candidates per edge, a joint refit of all constants, snapped constants.

Covers networks with at most ``MAX_HIDDEN_LAYERS`` hidden layers and ``MAX_EDGES`` live edges, as the
structure search returns them. ``edge_candidates`` and ``node_candidates`` rank the candidates of each part.
Combinations from a beam search are refitted jointly on the data; the error of a correct formula falls to
rounding error.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.data.scaling import TRANSFORMS
from kan_engine.expressions.constraints import MAX_EDGES, MAX_HIDDEN_LAYERS
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Parameter,
    Pow,
    add,
    apply_function,
    complexity,
    free_constants,
)
from kan_engine.network.kan import KAN
from kan_engine.symbolic.constant_fitting import Data, Form, error, few, refit, together
from kan_engine.symbolic.constant_snapping import polished
from kan_engine.symbolic.description_length import description_length
from kan_engine.symbolic.edge_candidates import Choice, Reading
from kan_engine.symbolic.network_candidates import Part, short_combinations, variants
from kan_engine.symbolic.node_candidates import best_combinations, renumbered

COMBINATIONS = 24  # combinations of choices that are refitted jointly
STEPS, FEW_STEPS = 40, 25  # without noise down to rounding error; with noise fewer suffice
SOLVED = 1e-11  # validation error over the spread of the target; below it a formula counts as exact
KEPT, KEPT_OF_NOISE = 2, 4  # forms that are finalized
FEW_PARTS = 6  # parts of a network that may be a law; with more parts a formula is an approximation
CLOSE = 12  # best forms under noise, refitted on all rows, since noise may have decided their order
SWEEPS, AROUND = 2, 8  # sweeps over all parts; choices tried for one part at a time
LONGEST = 60  # complexity limit of shorter formulas if the client sets none


@dataclass(frozen=True)
class Formula:
    """A closed form in the columns of the client.

    Attributes:
        error: Validation RMSE over the spread of the target.
        bits: Description length of the data; only differences between formulas on the same rows are
            meaningful.
    """

    tree: Expression
    error: float
    bits: float = 0.0

    @staticmethod
    def of(tree: Expression, fit: Data, validation: Data) -> "Formula":
        """Compute the error on the validation rows and the description length of all rows."""
        spread = float(np.std(validation[1])) or 1.0
        free, values = free_constants(tree)
        bits = description_length(Form(free, np.array(values)), together(fit, validation))
        return Formula(tree, error(Form(tree, np.array([])), validation) / spread, bits)

    @staticmethod
    def refitted(
        tree: Expression, fit: Data, validation: Data, forbidden: frozenset[str] = frozenset()
    ) -> "Formula":
        """Refit the measured constants of a tree, snap them and simplify the formula."""
        free, values = free_constants(tree)
        form = refit(Form(free, np.array(values)), fit, iterations=STEPS)
        return Formula.of(polished(form, fit, validation, forbidden), fit, validation)

    @property
    def complexity(self) -> int:
        """Number of nodes of the tree."""
        return complexity(self.tree)


def read_formulas(network: KAN, reading: Reading) -> list[Formula]:
    """Return formulas of one output of a network, shortest description first; empty if there are none.

    Args:
        network: Network with at most one hidden layer.
        reading: Data, units and limits.
    """
    if not _is_readable(network):
        return []
    trials = _Trials(reading)
    for known in reading.known.views():
        view, count = replace(reading, known=known), 0
        for parts in variants(network, view):
            trials.try_all(parts, view)
            count = len(parts)
            if trials.is_over:
                break
        if trials.is_over or trials.is_close() or count > FEW_PARTS:
            break
    return _polish(trials.best(), reading)


def shorter_formulas(network: KAN, reading: Reading) -> list[Formula]:
    """Return formulas that omit parts of a network or use simpler forms, shortest description first.

    Dynamic programming finds, for every complexity, the choices for all parts with the least summed error. A
    longer combination is kept only if its error is much lower than the error of the one before.
    """
    if not _is_readable(network) or reading.should_stop():
        return []
    parts = next(iter(variants(network, reading)))
    longest = reading.limits.max_complexity or LONGEST
    forms = [_joined(picks, reading) for picks in short_combinations(parts, reading, longest)]
    fitted = []
    for form in forms:
        if reading.should_stop():
            break
        fitted.append(refit(refit(form, few(reading.fit), iterations=40), reading.fit, iterations=20))
    return _polish(fitted, reading)


def _is_readable(network: KAN) -> bool:
    return len(network.stack) <= MAX_HIDDEN_LAYERS + 1 and network.edge_count <= MAX_EDGES


def _polish(forms: list[Form], reading: Reading) -> list[Formula]:
    trees: dict[Expression, None] = {}
    for form in forms:
        if trees and reading.should_stop():
            break
        trees[polished(form, reading.fit, reading.validation, reading.limits.forbidden)] = None
    formulas = [Formula.of(tree, reading.fit, reading.validation) for tree in trees]
    allowed = [f for f in formulas if np.isfinite(f.error) and reading.limits.allow(f.tree)]
    return sorted(allowed, key=lambda formula: formula.bits)


class _Trials:
    """Joint refits of combinations of choices, one after the other, until a form is exact.

    Attributes:
        is_over: Whether an exact form was found or the caller asked to stop.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._everything = together(reading.fit, reading.validation)
        self._spread = float(np.std(reading.fit[1])) or 1.0
        self._found: list[tuple[float, Form]] = []
        self._solved: Form | None = None
        self.is_over = False

    def is_close(self) -> bool:
        """Whether the form with the shortest description is as close to the data as the network."""
        limit = self._reading.known.noise * self._spread
        return any(error(form, self._reading.validation) <= limit for form in _shortest(self._found, 1))

    def try_all(self, parts: list[Part], view: Reading) -> None:
        """Refit combinations of the choices for all parts; under noise also neighbours of the best one."""
        if not all(part.choices for part in parts):
            return
        tried: dict[tuple[Choice, ...], float] = {}
        offered = [part.choices for part in parts]
        self._try(best_combinations(offered, COMBINATIONS, lambda choice: choice.score), tried)
        for _ in range(SWEEPS if view.known.is_noisy else 0):
            if self.is_over or not tried:
                return
            best = min(tried, key=lambda picks: tried[picks])
            self._try(_around(best, [choices[:AROUND] for choices in offered]), tried)

    def _try(
        self, combinations: Iterable[tuple[Choice, ...]], tried: dict[tuple[Choice, ...], float]
    ) -> None:
        for picks in combinations:
            if self.is_over or (self._found and self._reading.should_stop()):
                self.is_over = True
                return
            if picks not in tried:
                tried[picks] = self._fit(_joined(picks, self._reading))

    def _fit(self, form: Form) -> float:
        """Refit a form and return its description length."""
        steps = FEW_STEPS if self._reading.known.is_noisy else STEPS
        rows = few(self._reading.fit)
        if not np.isfinite(error(form, rows)):
            form = _inside_fitted(form, rows, self._reading.transform)
        fitted = refit(form, rows, iterations=steps)
        length = description_length(fitted, self._everything)
        if np.isfinite(length):
            self._found.append((length, fitted))
        if error(fitted, self._reading.validation) / self._spread < SOLVED:
            self._solved = self._solved or fitted
            self.is_over = self._reading.limits.allow(fitted.bound)
        return length

    def best(self) -> list[Form]:
        """Return the best forms, refitted on all rows of ``fit``."""
        fit = self._reading.fit
        if self._solved is not None:
            return [refit(self._solved, fit, iterations=60)]
        if not self._reading.known.is_noisy:
            return [refit(form, fit, iterations=60) for form in _shortest(self._found, KEPT)]
        close = [refit(form, fit, iterations=10) for form in _shortest(self._found, CLOSE)]
        again = [(description_length(form, self._everything), form) for form in close]
        return [refit(form, fit, iterations=60) for form in _shortest(again, KEPT_OF_NOISE)]


def _around(picks: tuple[Choice, ...], offered: list[list[Choice]]) -> Iterator[tuple[Choice, ...]]:
    """Yield the combinations that differ from ``picks`` in at most one part."""
    for place, choices in enumerate(offered):
        for choice in choices:
            yield (*picks[:place], choice, *picks[place + 1 :])


def _shortest(found: list[tuple[float, Form]], count: int) -> list[Form]:
    """Return the ``count`` forms with the shortest description."""
    return [form for _, form in sorted(found, key=lambda pair: pair[0])[:count]]


UNDO: dict[str, Callable[[Expression], Expression]] = {
    "identity": lambda z: z,
    "log": lambda z: apply_function("exp", z),
    "log_neg": lambda z: -apply_function("exp", z),
    "reciprocal": lambda z: apply_function("1/x", z),
    "square": lambda z: apply_function("sqrt", z),
    "sqrt": lambda z: apply_function("x^2", z),
    "exp": lambda z: apply_function("log", z),
    "reciprocal_square": lambda z: apply_function("1/sqrt", z),
    "sin": lambda z: apply_function("asin", z),
    "cos": lambda z: apply_function("acos", z),
}
"""T⁻¹ as a tree, by the name of T in ``scaling.TRANSFORMS``."""


def _inside_fitted(form: Form, rows: Data, transform: str) -> Form:
    """Fit the argument of the outermost function to T(y).

    A form that is not finite, as the root of a negative value, has no gradient to refit it by.
    """
    if not isinstance(form.tree, Pow | Call):
        return form
    inside = form.tree.base if isinstance(form.tree, Pow) else form.tree.argument
    columns, target = rows
    moved = np.asarray(TRANSFORMS[transform].forward(target))
    return Form(form.tree, refit(Form(inside, form.values), (columns, moved), iterations=FEW_STEPS).values)


def _joined(picks: tuple[Choice, ...], reading: Reading) -> Form:
    terms: list[Expression] = [Parameter(0)]
    values = [reading.center + sum(choice.constant for choice in picks)]
    for choice in picks:
        terms.append(renumbered(choice.tree, len(values)))
        values += choice.values
    return Form(UNDO[reading.transform](add(*terms)), np.array(values))
