"""The network as a formula: candidates per edge, all constants refitted together, constants snapped.

Covers networks of at most one hidden layer and ``MAX_EDGES`` live edges: what the structure search
finds. Edges keep their ranked candidates; a beam over their combinations is refitted jointly on the
data, so that a right formula drops to rounding error and proves itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from kan_engine.edges import PLACEHOLDER, Candidate, Suggestion, candidates, suggest
from kan_engine.expression import (
    Expression,
    Parameter,
    Variable,
    add,
    apply_function,
    complexity,
    mul,
    substitute,
    walk,
)
from kan_engine.network import KAN
from kan_engine.refit import Array, Data, Form, error, few, refit
from kan_engine.snapping import polished

T = TypeVar("T")

MAX_EDGES = 14
PER_EDGE = 5  # candidates kept on an edge
COMBINATIONS = 24  # refitted jointly
SOLVED = 1e-11  # validation error, over the target's spread, at which a formula has proved itself
KEPT = 4  # forms that are polished


@dataclass(frozen=True)
class Formula:
    """A closed form in the client's columns.

    Attributes:
        error: Validation RMSE over the spread of the target.
    """

    tree: Expression
    error: float

    @property
    def complexity(self) -> int:
        """Nodes of the tree."""
        return complexity(self.tree)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a formula is read from.

    Attributes:
        names: Variable per network input.
        fit: Raw columns by variable, and the target, for refits.
        validation: The same for the choice between formulas.
        scaled: Network inputs of the rows of ``fit``.
        output: Which output of the network.
        center: T(y) where the network's output is 0.
        scale: Change of T(y) per unit of the output.
        undo: T⁻¹ as a tree.
        floor: Relative error of the network itself.
    """

    names: tuple[str, ...]
    fit: Data
    validation: Data
    scaled: torch.Tensor
    output: int
    center: float
    scale: float
    undo: Callable[[Expression], Expression]
    floor: float


def read_formulas(
    network: KAN, reading: Reading, should_stop: Callable[[], bool] = lambda: False
) -> list[Formula]:
    """Formulas of one output of a network, lowest validation error first; empty where there is none.

    Args:
        network: With at most one hidden layer.
        reading: Data and units.
        should_stop: Asked between refits; true returns what there is.
    """
    if len(network.stack) > 2 or network.edge_count > MAX_EDGES:
        return []
    spread = float(np.std(reading.fit[1])) or 1.0
    found: list[tuple[float, Form]] = []
    for form in _combinations(network, reading):
        if should_stop() and found:
            break
        fitted = refit(form, few(reading.fit), iterations=40)
        reached = error(fitted, reading.validation) / spread
        if np.isfinite(reached):
            found.append((reached, fitted))
        if reached < SOLVED:
            break
    found.sort(key=lambda pair: pair[0])
    best = [refit(form, reading.fit, iterations=60) for _, form in found[:KEPT]]
    trees = [polished(form, reading.fit, reading.validation) for form in best]
    formulas = [Formula(tree, error(Form(tree, np.array([])), reading.validation) / spread) for tree in trees]
    formulas = [formula for formula in formulas if np.isfinite(formula.error)]
    return sorted(formulas, key=lambda formula: (formula.error > 10 * SOLVED, formula.error))


def undo_transform(transform: str) -> Callable[[Expression], Expression]:
    """T⁻¹ as a tree, for a transform of ``scaling.TRANSFORMS``."""
    return _UNDO[transform]


_UNDO: dict[str, Callable[[Expression], Expression]] = {
    "identity": lambda z: z,
    "log": lambda z: apply_function("exp", z),
    "log_neg": lambda z: -apply_function("exp", z),
    "reciprocal": lambda z: apply_function("1/x", z),
    "square": lambda z: apply_function("sqrt", z),
    "sqrt": lambda z: apply_function("x^2", z),
    "exp": lambda z: apply_function("log", z),
    "reciprocal_square": lambda z: apply_function("1/sqrt", z),
}


@dataclass(frozen=True)
class _Choice:
    """One way to write a direct edge, or a hidden node with all that enters it."""

    score: float
    tree: Expression
    values: tuple[float, ...]
    constant: float


def _combinations(network: KAN, reading: Reading) -> Iterator[Form]:
    """Whole forms in order of their summed scores."""
    parts = _parts(network, reading)
    if not all(parts):
        return
    for picks in _best_combinations(parts, COMBINATIONS, lambda choice: choice.score):
        terms: list[Expression] = [Parameter(0)]
        values = [reading.center + sum(choice.constant for choice in picks)]
        for choice in picks:
            terms.append(_renumbered(choice.tree, len(values)))
            values += choice.values
        yield Form(reading.undo(add(*terms)), np.array(values))


def _best_combinations(parts: list[list[T]], count: int, score: Callable[[T], float]) -> list[tuple[T, ...]]:
    """The ``count`` combinations of one choice per part with the lowest summed score."""
    beam: list[tuple[float, tuple[T, ...]]] = [(0.0, ())]
    for choices in parts:
        longer = [(total + score(choice), (*picks, choice)) for total, picks in beam for choice in choices]
        beam = sorted(longer, key=lambda pair: pair[0])[: 4 * count]
    return [picks for _, picks in beam[:count]]


def _parts(network: KAN, reading: Reading) -> list[list[_Choice]]:
    """Choices of every direct edge and of every hidden node."""
    first, last = network.all_layers[0], network.all_layers[-1]
    with torch.no_grad():
        curves = first.postacts(reading.scaled).numpy()  # (batch, in, nodes)
        direct = last.postacts(reading.scaled).numpy() if network.direct is not None else None
        hidden = first(reading.scaled)
        outer = network.stack[1].postacts(hidden).numpy() if len(network.stack) == 2 else None
    if outer is None:
        return _edge_parts(curves[:, :, reading.output], first.mask[:, reading.output], reading)
    parts = [
        _node_choices(
            curves[:, :, node],
            first.mask[:, node],
            hidden[:, node].numpy(),
            outer[:, node, reading.output],
            reading,
        )
        for node in range(first.out_dim)
        if network.stack[1].mask[node, reading.output]
    ]
    if direct is not None:
        parts += _edge_parts(direct[:, :, reading.output], last.mask[:, reading.output], reading)
    return parts


def _edge_parts(curves: Array, alive: torch.Tensor, reading: Reading) -> list[list[_Choice]]:
    """Choices of edges from the inputs straight to the output."""
    return [
        [
            _Choice(edge.score(reading.floor), edge.tree, edge.parameters, edge.constant)
            for edge in _edge_candidates(curves[:, i] * reading.scale, i, reading, PER_EDGE)
        ]
        for i in torch.nonzero(alive)[:, 0].tolist()
    ]


def _edge_candidates(curve: Array, i: int, reading: Reading, keep: int) -> list[Candidate]:
    """Candidates of the edge that leaves input i, in that input's own variable."""
    name = reading.names[i]
    found = candidates(reading.fit[0][name], curve, floor=reading.floor, pairs=True, keep=keep)
    return [replace(edge, tree=substitute(edge.tree, {PLACEHOLDER: Variable(name)})) for edge in found]


def _node_choices(
    curves: Array, alive: torch.Tensor, node: Array, leaving: Array, reading: Reading
) -> list[_Choice]:
    """``c · f(a · Σ edges + b)``: the factor a goes into the linear parameters of the edges."""
    inputs = torch.nonzero(alive)[:, 0].tolist()
    inner = [_edge_candidates(curves[:, i], i, reading, PER_EDGE - 1) for i in inputs]
    outer = [fit for fit in suggest(node, leaving * reading.scale) if np.isfinite(fit.error)]
    outer.sort(key=lambda fit: _as_score(fit, reading.floor))
    choices = []
    for picks in _best_combinations(inner, 4 * COMBINATIONS, lambda edge: edge.score(reading.floor)):
        for fit in outer[:PER_EDGE]:
            choices.append(_node_choice(picks, fit, reading.floor))
    return sorted(choices, key=lambda choice: choice.score)[: 2 * COMBINATIONS]


def _as_score(fit: Suggestion, floor: float) -> float:
    return float(np.log10(fit.error + floor)) + 0.3 * fit.complexity


def _node_choice(picks: tuple[Candidate, ...], fit: Suggestion, floor: float) -> _Choice:
    terms: list[Expression] = []
    values: list[float] = [fit.c]
    for edge in picks:
        terms.append(_renumbered(edge.tree, len(values)))
        values += [v * fit.a if place in edge.linear else v for place, v in enumerate(edge.parameters)]
    shift = fit.b + fit.a * sum(edge.constant for edge in picks)
    if fit.function == "exp":  # a shift of its argument is a factor
        values[0] *= float(np.exp(shift))
    else:
        terms.append(Parameter(len(values)))
        values.append(shift)
    score = _as_score(fit, floor) + sum(edge.score(floor) for edge in picks)
    return _Choice(score, mul(Parameter(0), apply_function(fit.function, add(*terms))), tuple(values), fit.d)


def _renumbered(tree: Expression, by: int) -> Expression:
    """The tree with its parameters counted from ``by``."""
    count = sum(isinstance(node, Parameter) for node in walk(tree))
    return substitute(tree, {Parameter(index): Parameter(index + by) for index in range(count)})
