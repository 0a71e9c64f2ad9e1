"""Fits of library functions to one curve, as ``c · f(a·u + b) + d``.

c and d are linear. a and b start from a grid, whose values are the same for all curves over the same u.
Levenberg-Marquardt refines them, with the starts of all functions in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kan_engine.expressions.library import LIBRARY, Function
from kan_engine.formulas.core.thresholds import DEFAULT_FUNCTION_FIT, FunctionFitThresholds
from kan_engine.formulas.reading.function_starts import Array, FunctionStarts
from kan_engine.numerics.damped_least_squares import Damping, NormalEquations, Point, descend
from kan_engine.numerics.ties import rank_error

T = TypeVar("T")


@dataclass(frozen=True)
class Suggestion:
    """A fit ``c · f(a·u + b) + d + e·u`` to the curve of an edge.

    Attributes:
        r2: Coefficient of determination on the curve.
        error: RMSE over the spread of the curve.
        e: Slope of the linear term; 0 unless the fit includes one.
    """

    function: str
    a: float
    b: float
    c: float
    d: float
    r2: float
    error: float
    e: float = 0.0

    @property
    def complexity(self) -> int:
        """Complexity of f, plus one for each nontrivial inner constant."""
        return LIBRARY[self.function].complexity + int(abs(self.a) != 1) + int(self.b != 0)


class FitPoints:
    """Points u at which curves are fitted, with what was computed there so far.

    Args:
        u: Inputs of the curves, one per row.
        thresholds: Of fits at these points.
    """

    def __init__(self, u: Array, thresholds: FunctionFitThresholds = DEFAULT_FUNCTION_FIT) -> None:
        order = np.argsort(u, kind="stable")
        self.places = order[np.unique(np.linspace(0, len(u) - 1, thresholds.max_points).round().astype(int))]
        self.thresholds = thresholds
        self.u = u[self.places]
        self._known: dict[Hashable, Any] = {}

    def subsample(self, v: Array) -> Array:
        """Values of a curve at the points.

        Args:
            v: Values at all rows.
        """
        return np.asarray(v[self.places])

    def fit_once(self, at: Array, kind: Hashable, fit: Callable[[], Iterable[T]]) -> list[T]:
        """Return the results of ``fit``, which is called once for each curve and kind of fit.

        A search under another noise model, or for shorter formulas, needs the same fits again.

        Args:
            at: Values of the curve at the points.
            kind: What the results depend on besides the curve.
            fit: Fits the curve.
        """
        return list(self.compute_once((kind, at.tobytes()), lambda: list(fit())))

    def compute_once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result of ``compute``, which is called once for each key."""
        if key not in self._known:
            self._known[key] = compute()
        result: T = self._known[key]
        return result

    @cached_property
    def constant_free_starts(self) -> FunctionStarts:
        """Functions without inner constants."""
        return FunctionStarts.build(self.u, "plain", self.thresholds)

    @cached_property
    def one_constant_starts(self) -> FunctionStarts:
        """Functions with one inner constant: a factor, or a shift for scale-free functions."""
        return FunctionStarts.build(self.u, "one", self.thresholds)

    @cached_property
    def two_constant_starts(self) -> FunctionStarts:
        """Functions with both inner constants, a factor and a shift."""
        return FunctionStarts.build(self.u, "both", self.thresholds)


def suggest_symbolic(curves: Sequence[tuple[Array, Array]]) -> list[list[Suggestion]]:
    """Return fits c·f(a·x + b) + d of curves of edges by every function of the library, best first.

    Args:
        curves: Inputs and activations of every edge; all have equally many.

    Returns:
        One list for each curve.

    Example:
        >>> x = np.linspace(-1, 1, 100)
        >>> [suggestions] = suggest_symbolic([(x, 2 * np.exp(-x) + 1)])
        >>> suggestions[0].function
        'exp'
    """
    axes = [FitPoints(x) for x, _ in curves]
    return _fit_curves([(axis, axis.subsample(y)) for axis, (_, y) in zip(axes, curves, strict=True)])


def suggest(axis: FitPoints, v: Array, *, beside_a_line: bool = False) -> list[Suggestion]:
    """Return fits by every library function, lowest error first.

    Args:
        axis: Inputs of the edge.
        v: Outputs of the edge, one per row.
        beside_a_line: Whether the fit includes a linear term e·u.
    """
    at = axis.subsample(v)
    return axis.fit_once(
        at, ("functions", beside_a_line), lambda: _fit_curves([(axis, at)], beside_a_line=beside_a_line)[0]
    )


def fit_plain_functions(axis: FitPoints, v: Array, *, beside_a_line: bool = False) -> list[Suggestion]:
    """Return fits by functions without inner constants, ``c · f(±u) + d``, solved in closed form."""
    at = axis.subsample(v)
    names, parameters = _fit_starts(axis.constant_free_starts, 1, axis.u, at, beside_a_line)
    return _select_suggestions(names, parameters, axis, at)


def _fit_curves(
    curves: Sequence[tuple[FitPoints, Array]], *, beside_a_line: bool = False
) -> list[list[Suggestion]]:
    """Return the best fits of each function to each curve, the best starts of all refined in one batch."""
    batches = [
        _Starts.select(starts, axis, v, beside_a_line)
        for axis, v in curves
        for starts in (axis.one_constant_starts, axis.two_constant_starts)
    ]
    refined = iter(_refine_constants(batches, curves[0][0].thresholds))
    found = []
    for axis, v in curves:
        names, parameters = _fit_starts(axis.constant_free_starts, 1, axis.u, v, beside_a_line)
        fits = _select_suggestions(names, parameters, axis, v)
        fits += _select_suggestions(*next(refined), axis, v) + _select_suggestions(*next(refined), axis, v)
        found.append(sorted(fits, key=lambda fit: rank_error(fit.error)))
    return found


def _fit_starts(
    starts: FunctionStarts, count: int, u: Array, v: Array, beside_a_line: bool
) -> tuple[list[str], Array]:
    """Return the functions of the best starts and (a, b, c, d, e), with c, d and e by least squares."""
    length = float(np.linalg.norm(u - u.mean())) or 1.0
    line = (u - u.mean()) / length
    best = starts.select_best(v, count, line if beside_a_line else None)
    values = starts.values[best]
    centered, target = values - values.mean(1, keepdims=True), v - v.mean()
    if beside_a_line:
        centered = centered - (centered @ line)[:, None] * line
        target = target - (target @ line) * line
    with np.errstate(all="ignore"):
        c = np.nan_to_num(centered @ target / np.sum(centered**2, axis=1))
    rest = v - c[:, None] * values
    e = rest @ line / length if beside_a_line else np.zeros(len(c))
    d = (rest - e[:, None] * u).mean(1)
    return starts.function_names(best), np.stack([starts.a[best], starts.b[best], c, d, e], 1)


def _select_suggestions(names: list[str], parameters: Array, axis: FitPoints, v: Array) -> list[Suggestion]:
    """Return the best fit of each function, without degenerate ones."""
    u = axis.u
    mse = _mean_square_errors(_apply_functions(_group_functions(names), parameters, u), parameters, u, v)
    spread = float(np.var(v)) or 1e-300
    found: dict[str, Suggestion] = {}
    for place in np.argsort([rank_error(value) for value in np.sqrt(mse / spread)], kind="stable"):
        name = names[place]
        a, b, c, d, e = map(float, parameters[place])
        if name in found or not np.isfinite(mse[place]) or _is_degenerate((name, a, b, c, d), axis, v):
            continue
        error = float(np.sqrt(mse[place] / spread))
        found[name] = Suggestion(name, a, b, c, d, r2=1 - float(mse[place]) / spread, error=error, e=e)
    return list(found.values())


@dataclass(frozen=True, eq=False)
class _Starts:
    """Functions with the (a, b, c, d, e) from which their fits to a curve start.

    Attributes:
        names: Of the functions.
        parameters: The constants [starts, 5].
        may_move: Which of them are fitted; a of scale-free functions stays fixed.
        u, v: The curve.
    """

    names: list[str]
    parameters: Array
    may_move: Array
    u: Array
    v: Array

    @staticmethod
    def select(starts: FunctionStarts, axis: FitPoints, v: Array, beside_a_line: bool) -> _Starts:
        """The best starts of every function."""
        most = axis.thresholds.starts_per_function
        names, parameters = _fit_starts(starts, most, axis.u, v, beside_a_line)
        may_move = np.ones_like(parameters)
        is_scale_free = np.array([LIBRARY[name].is_scale_free for name in names], dtype=bool)
        may_move[:, 0] = starts.free[0] & ~is_scale_free
        may_move[:, 1] = starts.free[1] | is_scale_free
        may_move[:, 4] = beside_a_line
        return _Starts(names, parameters, may_move, axis.u, v)


def _refine_constants(
    batches: Sequence[_Starts], limits: FunctionFitThresholds
) -> list[tuple[list[str], Array]]:
    """Refine the constants of all starts side by side; return them with the names of the functions."""
    names = [name for batch in batches for name in batch.names]
    order = np.argsort(names, kind="stable")  # equal functions are evaluated together

    def gather(parts: Iterable[Array]) -> Array:
        return np.concatenate(list(parts))[order]

    curves = _Curves(
        [names[place] for place in order],
        gather(np.broadcast_to(batch.u, (len(batch.names), len(batch.u))) for batch in batches),
        gather(np.broadcast_to(batch.v, (len(batch.names), len(batch.v))) for batch in batches),
        gather(batch.may_move for batch in batches),
        limits.ridge,
    )
    parameters = gather(batch.parameters for batch in batches)
    active, damping = np.arange(len(names)), Damping.start(limits.damping, len(names))
    for _ in range(limits.rounds):
        gain = np.zeros(len(active))
        point = curves.select(active).at(parameters[active])
        for step in descend(point, damping, steps=limits.steps_per_round):
            point, gain = step.point, np.maximum(gain, step.gain.numpy())
        parameters[active] = point.parameters
        goes_on = gain > limits.min_relative_gain
        active, damping = active[goes_on], damping.select(torch.from_numpy(goes_on))
        if not len(active):
            break
    refined = np.empty_like(parameters)
    refined[order] = parameters
    stops = np.cumsum([len(batch.names) for batch in batches])[:-1]
    return [(batch.names, part) for batch, part in zip(batches, np.split(refined, stops), strict=True)]


@dataclass(frozen=True, eq=False)
class _Curves:
    """Functions to fit, each to a curve [functions, points]; ``may_move`` marks the fitted constants."""

    names: list[str]
    u: Array
    v: Array
    may_move: Array
    ridge: float

    def select(self, rows: NDArray[np.int64]) -> _Curves:
        """Some of the functions."""
        names = [self.names[row] for row in rows]
        return _Curves(names, self.u[rows], self.v[rows], self.may_move[rows], self.ridge)

    @cached_property
    def groups(self) -> list[tuple[Function, slice]]:
        """Neighbouring rows of one library function, with the function."""
        return _group_functions(self.names)

    def at(self, parameters: Array) -> _CurvesPoint:
        values = _apply_functions(self.groups, parameters, self.u)
        errors = _mean_square_errors(values, parameters, self.u, self.v)
        return _CurvesPoint(self, parameters, values, torch.from_numpy(errors))


@dataclass(frozen=True, eq=False)
class _CurvesPoint(Point):
    """Constants of all functions, with their values and mean squared errors."""

    curves: _Curves
    parameters: Array
    values: Array
    objective: Tensor

    def linearize(self) -> NormalEquations:
        """JᵀJ and Jᵀr of every function; 0 where they overflow."""
        u, free = self.curves.u, self.curves.may_move
        a, b, c, d, e = self.parameters.T[:, :, None]
        with np.errstate(all="ignore"):
            inner = a * u + b
            slopes = np.empty_like(inner)
            for function, rows in self.curves.groups:
                slopes[rows] = function.slope(inner[rows])
            slopes *= c
            ones = np.ones_like(self.values)
            jacobian = np.stack([slopes * u, slopes, self.values, ones, ones * u], axis=1) * free[:, :, None]
            jacobian[~np.isfinite(jacobian)] = 0.0
            residual = c * self.values + d + e * u - self.curves.v
            residual[~np.isfinite(residual)] = 0.0
            matrix = jacobian @ jacobian.transpose(0, 2, 1)
            gradient = (jacobian @ residual[:, :, None])[:, :, 0]
        overflow = ~(np.isfinite(matrix).all((1, 2)) & np.isfinite(gradient).all(1))
        matrix[overflow], gradient[overflow] = 0.0, 0.0
        ridge = torch.from_numpy(self.curves.ridge * np.einsum("kpp->kp", matrix))
        return NormalEquations(torch.from_numpy(matrix), torch.from_numpy(gradient), ridge)

    def move(self, step: Tensor) -> _CurvesPoint:
        return self.curves.at(self.parameters + step.numpy())

    def merge(self, accepted: Tensor, proposed: _CurvesPoint) -> _CurvesPoint:
        rows = accepted.numpy()[:, None]
        return _CurvesPoint(
            self.curves,
            np.where(rows, proposed.parameters, self.parameters),
            np.where(rows, proposed.values, self.values),
            torch.where(accepted, proposed.objective, self.objective),
        )


def _group_functions(names: list[str]) -> list[tuple[Function, slice]]:
    """Neighbouring rows of one library function, with the function."""
    stops = list(accumulate(len(list(rows)) for _, rows in groupby(names)))
    return [
        (LIBRARY[names[start]], slice(start, stop)) for start, stop in zip([0, *stops], stops, strict=False)
    ]


def _apply_functions(groups: list[tuple[Function, slice]], parameters: Array, u: Array) -> Array:
    """Values f(a·u + b) of every row."""
    with np.errstate(all="ignore"):
        inner = parameters[:, :1] * u + parameters[:, 1:2]
        values = np.empty_like(inner)
        for function, rows in groups:
            values[rows] = function.of(inner[rows])
    return values


def _mean_square_errors(values: Array, parameters: Array, u: Array, v: Array) -> Array:
    _, _, c, d, e = parameters.T[:, :, None]
    with np.errstate(all="ignore"):
        error = np.mean((c * values + d + e * u - v) ** 2, axis=1)
    return np.where(np.isfinite(error), error, np.inf)


def _is_degenerate(fit: tuple[str, float, float, float, float], axis: FitPoints, v: Array) -> bool:
    """Whether f is nearly linear on the range, shifted far away, or cancelled by a huge constant."""
    (name, a, b, c, d), u, limits = fit, axis.u, axis.thresholds
    length = float(u[-1] - u[0])
    is_scale_free = LIBRARY[name].is_scale_free
    if not is_scale_free and abs(a) * length < limits.min_reach:
        return True
    shift = limits.max_relative_shift * max(length, abs(float(u[0])), abs(float(u[-1])))
    size = float(v.max() - v.min()) + float(np.abs(v).max())
    return (
        (is_scale_free and abs(b) > shift)
        or not np.isfinite([a, b, c, d]).all()
        or abs(d) > limits.max_relative_constant * size
    )
