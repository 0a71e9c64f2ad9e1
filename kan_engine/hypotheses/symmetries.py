"""Symmetries of a function of numbers: shifts, scalings, rotations, exchanges and mirrors of columns.

A function that a continuous symmetry leaves as it is has gradients in which a linear condition holds at every
row: Σ a_i ∂f/∂x_i = 0 for shifts by a, Σ a_i x_i ∂f/∂x_i = b f for scalings by λ^a (Euler's theorem), and
c x_k ∂f/∂x_i = x_i ∂f/∂x_k for rotations of x_i² + c x_k². All shifts and all scalings are the null spaces of
the matrices of these terms. Each is then measured on rows that were moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float

from kan_engine.hypotheses.target_function import Rows, TargetFunction

Kind = Literal["shift", "scaling", "rotation", "exchange", "mirror"]


@dataclass(frozen=True, kw_only=True)
class Symmetry:
    """A change of the columns under which a function stays as it is, or changes by a factor.

    Attributes:
        kind: Shift by multiples of the coefficients; scaling by powers of a number with these exponents;
            rotation, under which the sum of squares with these coefficients stays; exchange of two columns;
            mirror, the change of the sign of a column.
        columns: The columns that change.
        coefficients: For each column; (1, …) for exchange and mirror.
        factor: Exponent of the factor of the function for a scaling; ±1 for exchange and mirror; else 0.
        error: What changes otherwise, as a share of the spread of the function.
    """

    kind: Kind
    columns: tuple[str, ...]
    coefficients: tuple[float, ...]
    factor: float
    error: float


def find_symmetries(
    function: TargetFunction,
    *,
    tolerance: float = 0.02,
    slope_tolerance: float = 0.05,
    seed: int = 0,
    rows: int = 300,
) -> list[Symmetry]:
    """Find symmetries of a function in its columns of numbers.

    Args:
        function: The function.
        tolerance: Largest error of a symmetry, as a share of the spread.
        slope_tolerance: Largest share of the slopes that misses a condition, to be looked at.
        seed: Of the sample of rows and of the movements.
        rows: Number of rows.
    """
    names = [name for name in function.places if name in function.numbers]
    rng = np.random.default_rng(seed)
    x = function.x[rng.permutation(len(function.x))[:rows]]
    slopes = function.slopes(x, names)
    values = function.evaluate(x)
    is_known = np.isfinite(slopes).all(1) & np.isfinite(values)
    x, slopes, values = x[is_known], slopes[is_known], values[is_known]
    if len(x) < 10 or not names:
        return []
    searches: list[Iterator[list[Symmetry]]] = [
        _list_shifts(function, names, slopes, slope_tolerance),
        _list_scalings(function, names, x, slopes, values, slope_tolerance),
        *(iter([[rotation]]) for rotation in _list_rotations(function, names, x, slopes, slope_tolerance)),
        *(iter([[exchange]]) for exchange in _list_exchanges(names)),
    ]
    symmetries: list[Symmetry] = []
    for search in searches:
        for candidates in search:
            measured = [_measure(function, candidate, x, values, rng) for candidate in candidates]
            # All of a null space hold, or it was taken too large; the next one is smaller
            if all(symmetry.error <= tolerance for symmetry in measured):
                symmetries += measured
                break
    return [symmetry for symmetry in symmetries if not _is_implied(symmetry, symmetries)]


def _is_implied(symmetry: Symmetry, others: Sequence[Symmetry]) -> bool:
    """Whether an exchange or a mirror follows from what else is known of its columns."""
    if symmetry.kind not in ("exchange", "mirror"):
        return False
    columns = set(symmetry.columns)
    alone = {
        other.columns[0]: other.factor
        for other in others
        if other.kind == "scaling" and len(other.columns) == 1
    }
    if columns <= alone.keys():
        return len({alone[name] for name in columns}) == 1
    for other in others:
        is_balanced = other.coefficients == (1.0, -1.0) and other.factor == 0
        is_sum_or_product = (
            other.kind in ("shift", "scaling") and is_balanced and columns == set(other.columns)
        )
        is_circle = (
            other.kind == "rotation" and other.coefficients == (1.0, 1.0) and columns <= set(other.columns)
        )
        if is_sum_or_product or is_circle:
            return True
    return False


def _list_shifts(
    function: TargetFunction, names: Sequence[str], slopes: Float[np.ndarray, "rows names"], tolerance: float
) -> Iterator[list[Symmetry]]:
    sizes = np.sqrt(np.mean(slopes**2, axis=0))
    if (sizes <= 1e-9 * function.spread).any():
        return
    scales = function.scales[function.select(names)] / sizes
    for basis in _find_null_spaces(slopes / sizes, tolerance):
        yield [_make("shift", names, vector * scales, 0.0) for vector in basis]


def _list_scalings(
    function: TargetFunction,
    names: Sequence[str],
    x: Rows,
    slopes: Float[np.ndarray, "rows names"],
    values: Float[np.ndarray, " rows"],
    tolerance: float,
) -> Iterator[list[Symmetry]]:
    places = function.select(names)
    # The last column is f itself, so that its exponent follows from those of the columns
    terms = np.column_stack([slopes * x[:, places] / function.scales[places], -values])
    sizes = np.sqrt(np.mean(terms**2, axis=0))
    if (sizes <= 1e-9 * function.spread).any():
        return
    for basis in _find_null_spaces(terms / sizes, tolerance, free=1):
        exponents = basis / sizes
        yield [_make("scaling", names, vector[:-1], float(vector[-1])) for vector in exponents]


def _list_rotations(
    function: TargetFunction,
    names: Sequence[str],
    x: Rows,
    slopes: Float[np.ndarray, "rows names"],
    tolerance: float,
) -> Iterator[Symmetry]:
    places = function.select(names)
    gradients, x = slopes / function.scales[places], x[:, places]
    for i, k in combinations(range(len(names)), 2):
        terms = np.column_stack([x[:, k] * gradients[:, i], -x[:, i] * gradients[:, k]])
        sizes = np.sqrt(np.mean(terms**2, axis=0))
        if (sizes > 0).all():
            for (vector,) in _find_null_spaces(terms / sizes, tolerance):
                c = _snap(float(vector[0] / sizes[0] / (vector[1] / sizes[1])))
                yield _candidate("rotation", (names[i], names[k]), (1.0, c))


def _list_exchanges(names: Sequence[str]) -> Iterator[Symmetry]:
    for pair in combinations(names, 2):
        for sign in (1.0, -1.0):
            yield _candidate("exchange", pair, (1.0, 1.0), sign)
    for name in names:
        for sign in (1.0, -1.0):
            yield _candidate("mirror", (name,), (1.0,), sign)


def _candidate(
    kind: Kind, columns: tuple[str, ...], coefficients: tuple[float, ...], factor: float = 0.0
) -> Symmetry:
    return Symmetry(kind=kind, columns=columns, coefficients=coefficients, factor=factor, error=float("nan"))


def _make(kind: Kind, names: Sequence[str], vector: Float[np.ndarray, " names"], factor: float) -> Symmetry:
    """The symmetry of a vector of the null space, with its first coefficient as the unit."""
    is_used = vector != 0
    unit = vector[is_used][0]
    columns = tuple(name for name, used in zip(names, is_used, strict=True) if used)
    coefficients = tuple(_snap(float(value / unit)) for value in vector[is_used])
    return _candidate(kind, columns, coefficients, _snap(float(factor / unit)))


def _find_null_spaces(
    terms: Float[np.ndarray, "rows columns"], tolerance: float, free: int = 0, least: float = 0.05
) -> Iterator[Float[np.ndarray, "vectors columns"]]:
    """Combinations of columns that are nearly 0, the largest space of them first.

    Each space is in reduced echelon form, so that every combination has few columns. The last ``free``
    columns are no pivots. Coefficients below ``least``, which slopes of networks do not tell from 0, are 0.
    """
    _, sizes, directions = np.linalg.svd(terms, full_matrices=False)
    for first in range(int((sizes > tolerance * sizes[0]).sum()), len(sizes)):
        basis = directions[first:].copy()
        used = list(range(basis.shape[1] - free, basis.shape[1]))
        if len(basis) > basis.shape[1] - free:
            continue
        for row in range(len(basis)):
            # The largest entry, so that no small one is divided by; the first of equal ones
            rest = np.abs(basis[row:]).round(7)
            rest[:, used] = 0
            pivot_row, column = divmod(int(rest.argmax()), rest.shape[1])
            if not rest[pivot_row, column]:
                break
            basis[[row, row + pivot_row]] = basis[[row + pivot_row, row]]
            basis[row] /= basis[row, column]
            others = np.arange(len(basis)) != row
            basis[others] -= np.outer(basis[others, column], basis[row])
            used.append(column)
        else:
            yield np.where(np.abs(basis) < least, 0.0, basis)


def _snap(value: float, *, max_denominator: int = 6, nearness: float = 0.03) -> float:
    """The simple fraction near a value, or the value."""
    simple = float(Fraction(value).limit_denominator(max_denominator)) if np.isfinite(value) else value
    return simple if abs(simple - value) <= nearness * max(abs(value), 1e-9) or abs(value) < 1e-3 else value


def _measure(
    function: TargetFunction,
    candidate: Symmetry,
    x: Rows,
    values: Float[np.ndarray, " rows"],
    rng: np.random.Generator,
    *,
    min_rows: int = 20,
) -> Symmetry:
    """The symmetry with its error at the moved rows that lie near the table; NaN if these are too few."""
    places = function.select(candidate.columns)
    # Smaller steps where rows leave the table
    for step in (1.0, 0.3):
        moved, factors = _move(function, candidate, x, rng, step)
        is_near = function.is_near(moved) & (moved != x)[:, places].any(1)
        if is_near.sum() >= max(min_rows, 0.1 * len(x)):
            break
    else:
        return candidate
    differences = function.evaluate(moved[is_near]) / factors[is_near] - values[is_near]
    # The mean of two values that should be equal misses each by half their difference
    error = float(np.sqrt(np.mean(differences**2) / 2)) / function.spread
    return Symmetry(**vars(candidate) | {"error": error})


def _move(
    function: TargetFunction, symmetry: Symmetry, x: Rows, rng: np.random.Generator, step: float
) -> tuple[Rows, Float[np.ndarray, " rows"]]:
    """Rows moved by random steps of up to a size, and the factors of the function."""
    places, moved, factors = function.select(symmetry.columns), x.copy(), np.ones(len(x))
    coefficients = np.array(symmetry.coefficients)
    if symmetry.kind == "shift":
        # Steps of about a standard deviation of the column that moves most
        reach = step / np.max(np.abs(coefficients) / function.scales[places])
        moved[:, places] += reach * rng.uniform(-1, 1, (len(x), 1)) * coefficients
    elif symmetry.kind == "scaling":
        logarithms = step * rng.uniform(-0.7, 0.7, (len(x), 1)) / np.abs(coefficients).max()
        moved[:, places] *= np.exp(logarithms * coefficients)
        factors = np.exp(logarithms[:, 0] * symmetry.factor)
    elif symmetry.kind == "rotation":
        moved[:, places] = _rotate(x[:, places], symmetry.coefficients[1], step * rng.uniform(-1, 1, len(x)))
    elif symmetry.kind == "exchange":
        moved[:, places], factors = x[:, places[::-1]], factors * symmetry.factor
    else:
        moved[:, places], factors = -x[:, places], factors * symmetry.factor
    return moved, factors


def _rotate(
    x: Float[np.ndarray, "rows 2"], c: float, angles: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, "rows 2"]:
    """Rows along the level lines of x₁² + c·x₂²: ellipses, or hyperbolas for a negative c."""
    scale = np.sqrt(abs(c))
    first, second = x[:, 0], scale * x[:, 1]
    cosine, sine = (np.cosh, np.sinh) if c < 0 else (np.cos, np.sin)
    sign = 1.0 if c < 0 else -1.0
    turned = (
        cosine(angles) * first + sign * sine(angles) * second,
        sine(angles) * first + cosine(angles) * second,
    )
    return np.column_stack([turned[0], turned[1] / scale])
