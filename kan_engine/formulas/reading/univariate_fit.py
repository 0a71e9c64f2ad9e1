"""Fits of library functions to one curve, as ``c · f(a·u + b) + d``.

c and d are linear. a and b start from a grid, whose values are the same for all curves over the same u.
Levenberg-Marquardt refines them, with the starts of all functions in one batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.expressions.library import LIBRARY, Function
from kan_engine.formulas.reading.function_starts import Array, FunctionStarts
from kan_engine.numerics.damped_least_squares import Damping, NormalEquations, Point, descend
from kan_engine.numerics.damping_config import DampingConfig
from kan_engine.numerics.ties import rank_error, round_ranks

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
        return find_function(self.function).complexity + int(abs(self.a) != 1) + int(self.b != 0)

    @property
    def loss(self) -> float:
        """log₂(1 - R² + 1e-5), as in pykan: the last term keeps the logarithm of an exact fit finite."""
        return math.log2(max(1 - self.r2, 0.0) + 1e-5)

    def rate(self, weight_simple: float = 0.8) -> float:
        """pykan's rating, the lower the better: the loss, and with ``weight_simple`` the complexity."""
        return (1 - weight_simple) * self.loss + weight_simple * self.complexity


class FitPoints:
    """Points u at which curves are fitted, with what was computed there so far.

    Args:
        u: Inputs of the curves, one per row.
        max_points: Number of points; more hardly change which functions are best.
        starts: Inner constants that are refined, per function and set of free constants.
        rounds: Of the refinement; see ``_refine``.
        functions: That are fitted; by default those that searches try.
    """

    def __init__(
        self,
        u: Float[Array, " rows"],
        *,
        max_points: int = 120,
        starts: int = 3,
        rounds: int = 7,
        functions: Sequence[Function] | None = None,
    ) -> None:
        # Points at equal ranks, so that dense parts of the curve count as they do for the rows
        order = np.argsort(u, kind="stable")
        self.places = order[np.unique(np.linspace(0, len(u) - 1, max_points).round().astype(int))]
        self.u = u[self.places]
        self.start_count, self.rounds, self._functions = starts, rounds, functions
        self._known: dict[Hashable, Any] = {}

    def subsample(self, v: Float[Array, " rows"]) -> Float[Array, " points"]:
        """Values of a curve at the points.

        Args:
            v: Values at all rows.
        """
        return np.asarray(v[self.places])

    def fit_once(
        self, at: Float[Array, " points"], kind: Hashable, fit: Callable[[], Iterable[T]]
    ) -> list[T]:
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
    def starts(self) -> FunctionStarts:
        """Functions over a grid of inner constants."""
        functions = [function for function in LIBRARY.values() if function.searched]
        return FunctionStarts.build(self.u, self._functions or functions)

    @cached_property
    def plain_starts(self) -> FunctionStarts:
        """Functions without inner constants."""
        return self.starts.select(np.flatnonzero(~self.starts.may_move.any(1)))


def suggest_symbolic(
    curves: Sequence[tuple[Float[Array, " rows"], Float[Array, " rows"]]],
) -> list[list[Suggestion]]:
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


def suggest(axis: FitPoints, v: Float[Array, " rows"], *, beside_a_line: bool = False) -> list[Suggestion]:
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


def fit_plain_functions(axis: FitPoints, v: Float[Array, " rows"]) -> list[Suggestion]:
    """Return fits by functions without inner constants, ``c · f(±u) + d``, solved in closed form."""
    at = axis.subsample(v)
    return _Fits.start(axis.plain_starts, axis.u, at, 1).list_suggestions()


def _fit_curves(
    curves: Sequence[tuple[FitPoints, Float[Array, " points"]]], *, beside_a_line: bool = False
) -> list[list[Suggestion]]:
    """Return the best fits of each function to each curve, the best starts of all refined in one batch."""
    starts = [
        _Fits.start(axis.starts, axis.u, v, axis.start_count, beside_a_line=beside_a_line)
        for axis, v in curves
    ]
    results = _refine(starts, curves[0][0].rounds)
    return [sorted(fits.list_suggestions(), key=lambda fit: rank_error(fit.error)) for fits in results]


@dataclass(frozen=True, eq=False)
class _Fits(Point):
    """Fits of functions, each to a curve; those of one function should be neighbours.

    Attributes:
        functions: Their indices in the library.
        u, v: The curves [fits, points].
        may_move: Which constants are fitted [fits, 5].
        parameters: The constants (a, b, c, d, e) [fits, 5].
        values: f(a·u + b) [fits, points].
        objective: Mean squared errors; infinite where a value is not finite.
    """

    functions: NDArray[np.int64]
    u: Array
    v: Array
    may_move: NDArray[np.bool_]
    parameters: Array
    values: Array
    objective: Tensor

    @staticmethod
    def create(
        functions: Int[np.ndarray, " fits"],
        u: Float[Array, "fits points"],
        v: Float[Array, "fits points"],
        may_move: Bool[np.ndarray, "fits 5"],
        parameters: Float[Array, "fits 5"],
    ) -> _Fits:
        """Evaluate functions with their constants."""
        a, b, c, d, e = parameters.T[:, :, None]
        with np.errstate(all="ignore"):
            inner = a * u + b
            values = np.empty_like(inner)
            for function, rows in _group(functions):
                values[rows] = function.of(inner[rows])
            error = np.mean((c * values + d + e * u - v) ** 2, axis=1)
        error = np.where(np.isfinite(error), error, np.inf)
        return _Fits(functions, u, v, may_move, parameters, values, torch.from_numpy(error))

    @staticmethod
    def start(
        starts: FunctionStarts,
        u: Float[Array, " points"],
        v: Float[Array, " points"],
        count: int,
        *,
        beside_a_line: bool = False,
    ) -> _Fits:
        """The best starts of each function for a curve, with c, d and e by least squares.

        Args:
            starts: Functions over the grid of inner constants.
            u: Points.
            v: Values of the curve there.
            count: Starts of each function and set of free constants.
            beside_a_line: Whether e is fitted, too.
        """
        # Simple regression on every start at once; with a line, both sides orthogonal to it first
        length = float(np.linalg.norm(u - u.mean())) or 1.0
        line, target, deviations = (u - u.mean()) / length, v - v.mean(), starts.deviations
        squares = np.square(deviations).sum(1)
        if beside_a_line:
            along = deviations @ line
            target, squares = target - (target @ line) * line, np.maximum(squares - along**2, 1e-12 * squares)
        slopes = np.nan_to_num(deviations @ target / np.maximum(squares, 1e-300))
        places = starts.find_best(round_ranks(slopes**2 * squares), count)
        best, c = starts.select(places), slopes[places]
        # The line and the constant of the fits that are left
        residuals = v - c[:, None] * best.values
        e = residuals @ line / length if beside_a_line else np.zeros(len(c))
        d = (residuals - e[:, None] * u).mean(1)
        linear = np.broadcast_to([True, True, beside_a_line], (len(c), 3))
        shape = len(c), len(u)
        return _Fits.create(
            best.functions,
            np.broadcast_to(u, shape),
            np.broadcast_to(v, shape),
            np.concatenate([best.may_move, linear], 1),
            np.concatenate([best.constants, np.stack([c, d, e], 1)], 1),
        )

    def linearize(self, ridge: float = 1e-12) -> NormalEquations:
        """JᵀJ and Jᵀr of every fit; 0 where they overflow.

        Args:
            ridge: Relative to the diagonal of JᵀJ.
        """
        a, b, c, d, e = self.parameters.T[:, :, None]
        with np.errstate(all="ignore"):
            inner = a * self.u + b
            slopes = np.empty_like(inner)
            for function, rows in _group(self.functions):
                slopes[rows] = function.slope(inner[rows])
            slopes *= c
            unit = np.ones_like(self.values)
            # Derivatives by a, b, c, d and e; constants that are not fitted have none
            columns = [slopes * self.u, slopes, self.values, unit, unit * self.u]
            jacobian = np.stack(columns, axis=1) * self.may_move[:, :, None]
            jacobian[~np.isfinite(jacobian)] = 0.0
            residual = c * self.values + d + e * self.u - self.v
            residual[~np.isfinite(residual)] = 0.0
            matrix = jacobian @ jacobian.transpose(0, 2, 1)
            gradient = (jacobian @ residual[:, :, None])[:, :, 0]
        # A fit that overflows gets no step
        overflow = ~(np.isfinite(matrix).all((1, 2)) & np.isfinite(gradient).all(1))
        matrix[overflow], gradient[overflow] = 0.0, 0.0
        diagonal = torch.from_numpy(ridge * np.einsum("kpp->kp", matrix))
        return NormalEquations(torch.from_numpy(matrix), torch.from_numpy(gradient), diagonal)

    def move(self, step: Float[Tensor, "fits 5"]) -> _Fits:
        return _Fits.create(self.functions, self.u, self.v, self.may_move, self.parameters + step.numpy())

    def merge(self, mask: Bool[Tensor, " fits"], candidate: _Fits) -> _Fits:
        rows = mask.numpy()[:, None]
        return replace(
            self,
            parameters=np.where(rows, candidate.parameters, self.parameters),
            values=np.where(rows, candidate.values, self.values),
            objective=torch.where(mask, candidate.objective, self.objective),
        )

    def list_suggestions(self) -> list[Suggestion]:
        """The best fit of each function with each number of inner constants, without degenerate ones."""
        if not len(self.functions):
            return []
        errors = np.sqrt(self.objective.numpy() / (float(np.var(self.v[:1])) or 1e-300))
        suggestions, names = dict[tuple[str, int], Suggestion](), list(LIBRARY)
        for place in np.argsort([rank_error(value) for value in errors], kind="stable"):
            name, error = names[self.functions[place]], float(errors[place])
            kind = name, int(self.may_move[place, :2].sum())
            a, b, c, d, e = map(float, self.parameters[place])
            fit = Suggestion(name, a, b, c, d, r2=1 - error**2, error=error, e=e)
            if (
                kind not in suggestions
                and np.isfinite(error)
                and not _is_degenerate(fit, self.u[0], self.v[0])
            ):
                suggestions[kind] = fit
        return list(suggestions.values())


def _refine(
    starts: Sequence[_Fits],
    rounds: int,
    *,
    steps: int = 6,
    min_gain: float = 1e-3,
    damping: DampingConfig = DampingConfig(
        decrease=0.1, increase=8.0, lowest=1e-14, highest=1e10, min_diagonal=0.0
    ),
) -> Iterator[_Fits]:
    """Refine the constants of all fits side by side.

    Args:
        starts: Of every curve.
        rounds: A fit whose error fell by at most ``min_gain`` in every step of a round takes no part in the
            next one.
        steps: Of a round.
        min_gain: See ``rounds``; a share of the error.
        damping: Of the steps.
    """
    # One batch of all fits of all curves: a step costs hardly more for many fits than for one
    parts = zip(*((s.functions, s.u, s.v, s.may_move, s.parameters) for s in starts), strict=True)
    batch: list[NDArray[Any]] = [np.concatenate(part) for part in parts]
    order = np.argsort(batch[0], kind="stable")  # equal functions are evaluated together
    batch, active = [part[order] for part in batch], np.arange(len(order))
    levels = Damping.start(damping, len(order))
    # Fits that no longer improve leave the batch
    for _ in range(rounds):
        point, gain = _Fits.create(*(part[active] for part in batch)), np.zeros(len(active))
        for step in descend(point, levels, steps=steps):
            point, gain = step.point, np.maximum(gain, step.gain.numpy())
        batch[4][active] = point.parameters
        active, levels = active[gain > min_gain], levels.select(torch.from_numpy(gain > min_gain))
        if not len(active):
            break
    results = batch[4][np.argsort(order)]
    for begin, fits in zip(accumulate((len(s.functions) for s in starts), initial=0), starts, strict=False):
        parameters = results[begin : begin + len(fits.functions)]
        yield _Fits.create(fits.functions, fits.u, fits.v, fits.may_move, parameters)


def _group(functions: Int[np.ndarray, " fits"]) -> Iterator[tuple[Function, slice]]:
    """Neighbouring rows of one library function, with the function."""
    library, edges = list(LIBRARY.values()), np.flatnonzero(np.diff(functions, prepend=-1, append=-1))
    for start, stop in pairwise(edges.tolist()):
        yield library[functions[start]], slice(start, stop)


def _is_degenerate(
    fit: Suggestion,
    u: Float[Array, " points"],
    v: Float[Array, " points"],
    *,
    min_reach: float = 0.1,
    max_shift: float = 40.0,
    max_constant: float = 1e4,
) -> bool:
    """Whether f is nearly linear on the range, shifted far away, or cancelled by a huge constant.

    Args:
        fit: The fit.
        u, v: The curve, in ascending order of u.
        min_reach: Of a·u; over a shorter range f is nearly linear.
        max_shift: Over the range or its ends.
        max_constant: Of d, over the values of the curve; a larger one cancels.
    """
    length, is_scale_free = float(u[-1] - u[0]), LIBRARY[fit.function].is_scale_free
    if not is_scale_free and abs(fit.a) * length < min_reach:
        return True
    shift = max_shift * max(length, abs(float(u[0])), abs(float(u[-1])))
    size = float(v.max() - v.min()) + float(np.abs(v).max())
    return (
        (is_scale_free and abs(fit.b) > shift)
        or not np.isfinite([fit.a, fit.b, fit.c, fit.d]).all()
        or abs(fit.d) > max_constant * size
    )
