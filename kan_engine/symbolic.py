"""The network as a formula: candidates per edge, all constants refitted together, constants snapped.

Covers networks of at most one hidden layer and ``MAX_EDGES`` live edges: what the structure search
finds. Edges keep their ranked candidates; a beam over their combinations is refitted jointly on the
data, so that a right formula drops to rounding error and proves itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from kan_engine.edges import PLACEHOLDER, Candidate, Suggestion, candidates, suggest
from kan_engine.expression import (
    Expression,
    Parameter,
    Variable,
    add,
    apply_function,
    bind,
    complexity,
    evaluate,
    free_constants,
    mul,
    substitute,
    value_and_jacobian,
    walk,
)
from kan_engine.network import KAN
from kan_engine.simplify import nice_constants, simplify, snap_floats

Array = NDArray[np.float64]
Columns = Mapping[str, Array]
T = TypeVar("T")

MAX_EDGES = 14
PER_EDGE = 5  # candidates kept on an edge
COMBINATIONS = 24  # refitted jointly
SOLVED = 1e-11  # validation error, over the target's spread, at which a formula has proved itself
REFIT_ROWS = 250


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


@dataclass(frozen=True)
class Form:
    """A tree with parameters and their values."""

    tree: Expression
    values: Array


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
    fit: tuple[Columns, Array]
    validation: tuple[Columns, Array]
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
        fitted = refit(form, *_first_rows(reading.fit), iterations=40)
        error = _error(fitted, reading.validation) / spread
        if np.isfinite(error):
            found.append((error, fitted))
        if error < SOLVED:
            break
    found.sort(key=lambda pair: pair[0])
    best = [refit(form, *reading.fit, iterations=60) for _, form in found[:4]]
    finished = (_finished(form, reading, spread) for form in best)
    formulas = [formula for formula in finished if formula is not None]
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


def _first_rows(data: tuple[Columns, Array]) -> tuple[Columns, Array]:
    columns, target = data
    return {name: values[:REFIT_ROWS] for name, values in columns.items()}, target[:REFIT_ROWS]


def _error(form: Form, data: tuple[Columns, Array]) -> float:
    """RMSE on the given rows; infinite where the form is not a number."""
    columns, target = data
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((evaluate(form.tree, columns, form.values) - target) ** 2)))
    return error if np.isfinite(error) else float("inf")


# --- From edges to whole forms -----------------------------------------------------------------


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


# --- All constants together ---------------------------------------------------------------------


def refit(form: Form, columns: Columns, target: Array, *, iterations: int) -> Form:
    """All constants of a form fitted to the target by Levenberg-Marquardt with a gain-ratio damping.

    Steps into places where the form is not a number are refused. Redundant constants do no harm:
    the damping keeps the normal matrix regular.
    """
    values, damping = np.asarray(form.values, dtype=float), 1e-3
    if not len(values):
        return form
    v, jacobian = value_and_jacobian(form.tree, columns, values)
    error = _mean_square(v - target)
    for _ in range(iterations):
        if not np.isfinite(jacobian).all() or np.abs(jacobian).max() > 1e100:
            break
        matrix, gradient = jacobian.T @ jacobian, jacobian.T @ (v - target)
        diagonal = np.diag(matrix).copy()
        diagonal = np.maximum(diagonal, 1e-14 * diagonal.max() + 1e-300)
        improved = False
        for _try in range(10):
            step = np.linalg.lstsq(matrix + np.diag(damping * diagonal), -gradient, rcond=None)[0]
            trial = values + step
            v_trial, jacobian_trial = value_and_jacobian(form.tree, columns, trial)
            reached = _mean_square(v_trial - target)
            if reached < error:
                gain = (error - reached) / error
                values, v, jacobian, error, improved = trial, v_trial, jacobian_trial, reached, True
                damping = max(damping * 0.2, 1e-15)
                break
            damping = min(damping * 5, 1e12)
        if not improved or error == 0 or (gain < 1e-10 and damping < 1e-8):
            break
    return Form(form.tree, values)


def _mean_square(residual: Array) -> float:
    with np.errstate(all="ignore"):
        value = float(np.mean(residual**2))
    return value if np.isfinite(value) else float("inf")


# --- Clean-up -------------------------------------------------------------------------------------


def _finished(form: Form, reading: Reading, spread: float) -> Formula | None:
    """The form as a formula: constants snapped where it has proved itself, else rounded; simplified."""
    columns, target = reading.validation
    if _error(form, reading.validation) / spread < 100 * SOLVED:
        tree = simplify(_bound(_snapped(form, reading, spread)), columns)
        limit = max(10 * _error_of(tree, reading.validation), 1e-13 * spread)
        tree = simplify(snap_floats(tree, lambda t: _error_of(t, reading.validation) <= limit), columns)
    else:
        tree = simplify(_bound(_rounded(form, reading)), columns)
        tree = _bound(_rounded(_with_parameters(tree), reading))  # simplification has combined constants
    error = _error_of(tree, (columns, target)) / spread
    return Formula(tree, error) if np.isfinite(error) else None


def _bound(form: Form) -> Expression:
    return bind(form.tree, list(form.values))


def _with_parameters(tree: Expression) -> Form:
    free, values = free_constants(tree)
    return Form(free, np.array(values))


def _error_of(tree: Expression, data: tuple[Columns, Array]) -> float:
    return _error(Form(tree, np.array([])), data)


def _rounded(form: Form, reading: Reading) -> Form:
    """Constants with as few digits as leave the validation error alone: a misfit earns no nice constants."""
    allowed = 1.0005 * _error(form, reading.validation)
    for digits in (3, 4, 5, 6, 8):
        values = np.array([float(f"{value:.{digits}g}") for value in form.values])
        if _error(Form(form.tree, values), reading.validation) <= allowed:
            return Form(form.tree, values)
    return form


def _snapped(form: Form, reading: Reading, spread: float) -> Form:
    """Constants in turn put on the cheapest nice number within their uncertainty, the others refitted.

    A number is kept only if the validation error does not rise. The least certain constants come
    first: those that another can absorb become 0 or 1, which settles what is redundant.
    """
    allowed = max(10 * _error(form, reading.validation) / spread, 1e-13)
    for _ in range(len(form.values)):
        pending = len(form.values)
        for index in _least_certain_first(form, reading):
            better = _snap_one(form, index, reading, spread, allowed)
            if better is not None:
                form = better
                break
        if len(form.values) == pending:
            return form
    return form


def _least_certain_first(form: Form, reading: Reading) -> list[int]:
    errors = _standard_errors(form, reading)
    return [int(i) for i in np.argsort(-errors / (np.abs(form.values) + 1e-300))]


def _standard_errors(form: Form, reading: Reading) -> Array:
    """Standard error of every constant given the others are refitted; large for redundant ones."""
    columns, target = _first_rows(reading.fit)
    v, jacobian = value_and_jacobian(form.tree, columns, form.values)
    scale = np.linalg.norm(jacobian, axis=0) + 1e-300
    _, singular, right = np.linalg.svd(jacobian / scale, full_matrices=False)
    variance = np.sum((right / np.maximum(singular, 1e-9)[:, None]) ** 2, axis=0)
    noise = max(np.sqrt(_mean_square(v - target)), 1e-13 * float(np.std(target)))
    errors: Array = np.sqrt(variance) / scale * noise
    return errors


def _snap_one(form: Form, index: int, reading: Reading, spread: float, allowed: float) -> Form | None:
    value = float(form.values[index])
    tolerance = max(4 * float(_standard_errors(form, reading)[index]), 1e-7 * abs(value), 1e-9)
    for constant in nice_constants(value, tolerance)[:4]:
        tried = _fixed(form, index, constant)
        if (
            _error(refit(tried, *_first_rows(reading.fit), iterations=3), reading.validation) / spread
            > 1e3 * allowed + 1e-6
        ):
            continue
        tried = refit(tried, *reading.fit, iterations=15)
        if _error(tried, reading.validation) / spread <= allowed:
            return tried
    return None


def _fixed(form: Form, index: int, constant: Expression) -> Form:
    """The form with one parameter replaced by a number, the later ones moved up."""
    moved: dict[Expression, Expression] = {
        Parameter(old): Parameter(old - (old > index)) for old in range(len(form.values)) if old != index
    }
    tree = substitute(form.tree, moved | {Parameter(index): constant})
    return Form(tree, np.delete(form.values, index))
