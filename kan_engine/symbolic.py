"""The network as a formula: candidates per edge, all constants refitted together, constants snapped.

Covers networks of at most one hidden layer and ``MAX_EDGES`` live edges: what the structure search finds.
Edges keep their ranked candidates (``edge_readings.py``, ``node_readings.py``); a beam over combinations
of these is refitted jointly on the data, so that a right formula drops to rounding error and proves itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kan_engine.description import description_length
from kan_engine.edge_readings import Choice, Reading
from kan_engine.expression import Expression, Parameter, add, apply_function, complexity, free_constants
from kan_engine.limits import MAX_EDGES, MAX_HIDDEN_LAYERS
from kan_engine.network import KAN
from kan_engine.node_readings import best_combinations, renumbered
from kan_engine.readings import variants
from kan_engine.refit import Data, Form, error, few, refit, together
from kan_engine.snapping import polished

COMBINATIONS = 24  # refitted jointly
SOLVED = 1e-11  # validation error, over the target's spread, at which a formula has proved itself
FRONT = 3  # simpler ones beside these
KEPT = 2  # forms that are polished


@dataclass(frozen=True)
class Formula:
    """A closed form in the client's columns.

    Attributes:
        error: Validation RMSE over the spread of the target.
        bits: Its description length of the data; only differences between formulas of the same rows count.
    """

    tree: Expression
    error: float
    bits: float = 0.0

    @staticmethod
    def of(tree: Expression, fit: Data, validation: Data) -> "Formula":
        """A tree with its error on rows that it was not fitted to, and its bits on all."""
        spread = float(np.std(validation[1])) or 1.0
        free, values = free_constants(tree)
        bits = description_length(Form(free, np.array(values)), together(fit, validation))
        return Formula(tree, error(Form(tree, np.array([])), validation) / spread, bits)

    @property
    def complexity(self) -> int:
        """Nodes of the tree."""
        return complexity(self.tree)


def read_formulas(
    network: KAN, reading: Reading, should_stop: Callable[[], bool] = lambda: False
) -> list[Formula]:
    """Formulas of one output of a network, shortest description first; empty where there is none.

    Args:
        network: With at most one hidden layer.
        reading: Data and units.
        should_stop: Asked between refits; true returns what there is.
    """
    if len(network.stack) > MAX_HIDDEN_LAYERS + 1 or network.edge_count > MAX_EDGES:
        return []
    spread = float(np.std(reading.fit[1])) or 1.0
    found: list[tuple[float, Form]] = []
    limits = reading.limits
    solved: Form | None = None
    for form in _combinations(network, reading):
        if should_stop() and found:
            break
        fitted = refit(form, few(reading.fit), iterations=40)
        length = description_length(fitted, reading.validation)
        if np.isfinite(length):
            found.append((length, fitted))
        if error(fitted, reading.validation) / spread < SOLVED:
            solved = solved or fitted
            if limits.allow(fitted.bound):
                break
    chosen = _shortest(found) if solved is None else [solved]
    if limits.max_complexity is not None:
        chosen += _shortest([(bits, form) for bits, form in found if limits.allow(form.bound)])
    chosen += _simpler(chosen[:1], [form for _, form in found], reading.validation)
    best = [refit(form, reading.fit, iterations=60) for form in chosen]
    trees = [polished(form, reading.fit, reading.validation) for form in best]
    formulas = [Formula.of(tree, reading.fit, reading.validation) for tree in dict.fromkeys(trees)]
    allowed = [f for f in formulas if np.isfinite(f.error) and limits.allow(f.tree)]
    return sorted(allowed, key=lambda formula: formula.bits)


def _shortest(found: list[tuple[float, Form]]) -> list[Form]:
    """Those with the shortest description."""
    return [form for _, form in sorted(found, key=lambda pair: pair[0])[:KEPT]]


def _simpler(best: list[Form], found: list[Form], validation: Data) -> list[Form]:
    """Forms shorter than the best one that no other beats in both length and error, to choose from."""
    told = [(complexity(form.bound), error(form, validation), form) for form in found]
    longest = min((complexity(form.bound) for form in best), default=0)
    front: list[tuple[float, Form]] = []
    for length, reached, form in sorted(told, key=lambda entry: entry[:2]):
        if length < longest and (not front or reached < front[-1][0]):
            front.append((reached, form))
    return [form for _, form in front[-FRONT:]]


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


def _combinations(network: KAN, reading: Reading) -> Iterator[Form]:
    """Whole forms in order of their summed scores, for every way to share a line."""
    for parts in variants(network, reading):
        if all(parts):
            for picks in best_combinations(parts, COMBINATIONS, lambda choice: choice.score):
                yield _joined(picks, reading)


def _joined(picks: tuple[Choice, ...], reading: Reading) -> Form:
    terms: list[Expression] = [Parameter(0)]
    values = [reading.center + sum(choice.constant for choice in picks)]
    for choice in picks:
        terms.append(renumbered(choice.tree, len(values)))
        values += choice.values
    return Form(UNDO[reading.transform](add(*terms)), np.array(values))
