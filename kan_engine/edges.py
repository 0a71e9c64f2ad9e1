"""One edge: which univariate functions fit its curve.

For every function f of the library the curve v(u) is fitted by ``c · f(a·u + b) + d``: c and d by
linear least squares, a and b from a grid of starts, refined by Levenberg-Marquardt, all starts of a
function as one batch. Beside these stand polynomials, and sums of two terms found in closed form
from a Gram matrix.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kan_engine.expression import Expression, Parameter, Variable, add, apply_function, mul, number
from kan_engine.library import LIBRARY, Function

Array = NDArray[np.float64]

POINTS = 160  # of an edge's curve that take part in a fit
STARTS = 6  # per function and form, after the grid
REFINEMENTS = 25
PLACEHOLDER = Variable("u")

# A factor inside these only multiplies them (or, for log, adds a constant), so a = ±1 is enough.
SCALE_FREE = frozenset(
    {"x", "abs", "sign", "log"} | {name for name, f in LIBRARY.items() if f.exponent is not None}
)
SIGNED = frozenset({"log", "sqrt", "1/sqrt", "x^1.5", "1/x^1.5"})  # defined on one side of 0 only
PERIODIC = frozenset({"sin", "cos", "tan"})


@dataclass(frozen=True)
class Suggestion:
    """``c · f(a·u + b) + d`` on an edge, with its fit.

    Attributes:
        r2: Coefficient of determination on the edge's curve.
        error: RMSE over the spread of the curve.
    """

    function: str
    a: float
    b: float
    c: float
    d: float
    r2: float
    error: float

    @property
    def complexity(self) -> int:
        """Complexity of f, plus one for each constant that it needs."""
        return LIBRARY[self.function].complexity + int(abs(self.a) != 1) + int(self.b != 0)


@dataclass(frozen=True)
class Candidate:
    """A closed form for an edge: a tree in the placeholder ``u`` with parameters, without its constant term.

    Attributes:
        parameters: Starting values.
        linear: Which parameters multiply a whole term, so that scaling them all scales the edge.
        error: RMSE over the spread of the curve.
        constant: What is to be added to the tree.
        single: The function and its constants if the form is a single ``c · f(a·u + b)``.
    """

    tree: Expression
    parameters: tuple[float, ...]
    linear: tuple[int, ...]
    constant: float
    error: float
    complexity: int
    single: Suggestion | None = None

    def score(self, floor: float) -> float:
        """Small is good: digits of error, none below the floor, plus a price per unit of complexity."""
        return float(np.log10(self.error + floor)) + 0.3 * self.complexity


def suggest(u: Array, v: Array) -> list[Suggestion]:
    """Fits by every function of the library, best error first.

    Args:
        u: What enters the edge.
        v: What leaves it.
    """
    u, v = _thinned(u, v)
    found = []
    for name, function in LIBRARY.items():
        fits = [_fit(function, name, u, v, form) for form in _forms(name)]
        found += [fit for fit in fits if fit is not None]
    return sorted(found, key=lambda fit: fit.error)


def candidates(u: Array, v: Array, *, floor: float, pairs: bool, keep: int) -> list[Candidate]:
    """Closed forms for an edge, best score first.

    Args:
        u: What enters the edge.
        v: What leaves it.
        floor: Relative error of the curve itself, below which fits are equal.
        pairs: Whether to look for sums of two terms; only sensible on a raw column.
        keep: Number returned.
    """
    if not _varies(v):
        return [Candidate(number(0), (), (), float(v.mean()), error=0.0, complexity=0)]
    singles = [_as_candidate(suggestion) for suggestion in suggest(u, v)]
    u, v = _thinned(u, v)
    found = singles + _polynomials(u, v)
    if pairs and min((candidate.error for candidate in found), default=np.inf) > 3 * floor:
        found += _pairs(u, v)
    found.sort(key=lambda candidate: candidate.score(floor))
    return found[:keep]


def _thinned(u: Array, v: Array) -> tuple[Array, Array]:
    order = np.argsort(u)
    places = np.unique(np.linspace(0, len(u) - 1, POINTS).round().astype(int))
    return u[order][places], v[order][places]


def _forms(name: str) -> tuple[str, ...]:
    """Which of a and b are free: the fewest first."""
    if name == "x":
        return ("plain",)
    if name in SCALE_FREE:
        return ("plain", "shifted")
    return ("scaled",) if name == "exp" else ("scaled", "full")


def _fit(function: Function, name: str, u: Array, v: Array, form: str) -> Suggestion | None:
    """Best fit of one function in one form, or None where its domain allows none."""
    a, b = _starts(name, u, form)
    with np.errstate(all="ignore"):
        values = _of(function, a[:, None] * u + b[:, None])  # (starts, points)
        error = _linear_error(values, v)
    order = np.argsort(error, kind="stable")[:STARTS]
    order = order[np.isfinite(error[order])]
    if not len(order):
        return None
    if form == "plain":
        a, b, c, d = _with_linear(function, a[order[:1]], b[order[:1]], u, v)
    else:
        a, b, c, d = _refined(function, a[order], b[order], u, v, form)
    with np.errstate(all="ignore"):
        residual = c[:, None] * function.value(a[:, None] * u + b[:, None]) + d[:, None] - v
        mse = np.where(np.isfinite(residual).all(1), np.mean(residual**2, axis=1), np.inf)
    best = int(np.argmin(mse))
    if not np.isfinite(mse[best]):
        return None
    spread = float(np.var(v)) or 1e-300
    numbers = (float(a[best]), float(b[best]), float(c[best]), float(d[best]))
    if _is_degenerate(name, *numbers, u, v):
        return None
    return Suggestion(name, *numbers, r2=1 - mse[best] / spread, error=float(np.sqrt(mse[best] / spread)))


def _starts(name: str, u: Array, form: str) -> tuple[Array, Array]:
    """A grid of (a, b) that scales with the interval of u."""
    low, high = float(u[0]), float(u[-1])
    half = max((high - low) / 2, 1e-12)
    if form == "plain":
        return np.array([1.0, -1.0]), np.zeros(2)
    if form == "shifted":
        shifts = np.concatenate([np.linspace(low - 4 * half, high + 4 * half, 41), [0.0]])
        signs = (1.0, -1.0) if name in SIGNED else (1.0,)
        pairs = [(sign, -sign * shift) for sign in signs for shift in shifts]
    else:
        top = 30.0 if name in PERIODIC else 8.0
        scales = np.geomspace(0.15, top, 28) / half
        scales = np.concatenate([scales, -scales]) if name in ("exp",) or form == "full" else scales
        if form == "scaled":
            pairs = [(scale, 0.0) for scale in scales]
        elif name in PERIODIC:
            pairs = [
                (scale, phase)
                for scale in scales[: len(scales) // 2]
                for phase in np.linspace(-np.pi, np.pi, 9)[:-1]
            ]
        else:
            centers = np.linspace(low - half, high + half, 9)
            pairs = [(scale, -scale * center) for scale in scales for center in centers]
    grid = np.array(pairs)
    return grid[:, 0], grid[:, 1]


def _linear_error(values: Array, v: Array) -> Array:
    """Share of the variance of v that ``c · values + d`` leaves, per row; infinite where undefined."""
    centered = values - values.mean(1, keepdims=True)
    target = v - v.mean()
    norm = np.sum(centered**2, axis=1)
    explained = (centered @ target) ** 2 / (norm * np.sum(target**2))
    good = np.isfinite(explained) & (norm > 1e-20 * np.sum(values**2, axis=1))
    return np.where(good, 1 - explained, np.inf)


def _with_linear(
    function: Function, a: Array, b: Array, u: Array, v: Array
) -> tuple[Array, Array, Array, Array]:
    """c and d by least squares for given a and b."""
    values = _of(function, a[:, None] * u + b[:, None])
    centered = values - values.mean(1, keepdims=True)
    c = centered @ (v - v.mean()) / np.sum(centered**2, axis=1)
    return a, b, c, v.mean() - c * values.mean(1)


def _refined(
    function: Function, a: Array, b: Array, u: Array, v: Array, form: str
) -> tuple[Array, Array, Array, Array]:
    """Levenberg-Marquardt on (a, b, c, d) of all starts at once; a or b stays where the form fixes it."""
    with np.errstate(all="ignore"):
        parameters = np.stack(_with_linear(function, a, b, u, v), axis=1)  # (starts, 4)
    free = np.array([form != "shifted", form != "scaled", True, True], dtype=float)
    damping = np.full(len(a), 1e-3)
    error = _squared_error(function, parameters, u, v)
    for _ in range(REFINEMENTS):
        step = _lm_step(function, parameters, u, v, damping, free)
        trial = parameters + step
        reached = _squared_error(function, trial, u, v)
        better = reached < error
        parameters = np.where(better[:, None], trial, parameters)
        error = np.where(better, reached, error)
        damping = np.where(better, damping * 0.2, damping * 5).clip(1e-14, 1e10)
    return parameters[:, 0], parameters[:, 1], parameters[:, 2], parameters[:, 3]


def _squared_error(function: Function, parameters: Array, u: Array, v: Array) -> Array:
    a, b, c, d = parameters.T[:, :, None]
    with np.errstate(all="ignore"):
        error = np.mean((c * function.value(a * u + b) + d - v) ** 2, axis=1)
    return np.where(np.isfinite(error), error, np.inf)


def _lm_step(function: Function, parameters: Array, u: Array, v: Array, damping: Array, free: Array) -> Array:
    a, b, c, d = parameters.T[:, :, None]
    with np.errstate(all="ignore"):
        inner = a * u + b
        values, slopes = function.value(inner), function.derivative(inner)
        jacobian = np.stack([c * slopes * u, c * slopes, values, np.ones_like(values)], axis=2)
        jacobian = np.where(np.isfinite(jacobian), jacobian, 0.0) * free
        residual = np.nan_to_num(c * values + d - v, nan=0.0, posinf=0.0, neginf=0.0)
        matrix = np.einsum("knp,knq->kpq", jacobian, jacobian)
        gradient = np.einsum("knp,kn->kp", jacobian, residual)
        diagonal = np.einsum("kpp->kp", matrix)
        floor = 1e-12 * diagonal.max(1, keepdims=True) + 1e-300
        matrix = matrix + (damping[:, None] * diagonal + floor)[:, :, None] * np.eye(4)
    matrix = np.where(np.isfinite(matrix).all((1, 2))[:, None, None], matrix, np.eye(4))
    return np.asarray(-np.linalg.solve(matrix, np.nan_to_num(gradient)[:, :, None])[:, :, 0])


def _is_degenerate(name: str, a: float, b: float, c: float, d: float, u: Array, v: Array) -> bool:
    """Whether the fit uses f as a straight line, as the difference of two huge terms, or far off."""
    reach = abs(a) * float(u[-1] - u[0])
    if name not in SCALE_FREE and reach < 0.1:
        return True
    spread = float(v.max() - v.min())
    far = name in SCALE_FREE and abs(b) > 40 * max(float(u[-1] - u[0]), abs(float(u[0])), abs(float(u[-1])))
    return far or not np.isfinite([a, b, c, d]).all() or abs(d) > 1e4 * (spread + float(np.abs(v).max()))


def _as_candidate(fit: Suggestion) -> Candidate:
    """The tree of a suggestion; constants that it fixes are no parameters."""
    argument: Expression = PLACEHOLDER
    parameters = [fit.c]
    if fit.function not in SCALE_FREE:
        argument = mul(Parameter(1), argument)
        parameters.append(fit.a)
    elif fit.a == -1:
        argument = -argument
    if fit.b != 0:
        argument = add(argument, Parameter(len(parameters)))
        parameters.append(fit.b)
    tree = mul(Parameter(0), apply_function(fit.function, argument))
    return Candidate(tree, tuple(parameters), (0,), fit.d, fit.error, fit.complexity, fit)


def _polynomials(u: Array, v: Array) -> list[Candidate]:
    """Polynomials of degree 2 to 6 in the raw input, coefficients by least squares on a centred scale."""
    found = []
    for degree in range(2, 7):
        scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
        powers = (u[:, None] / scale) ** np.arange(degree + 1)
        coefficients, *_ = np.linalg.lstsq(powers, v, rcond=None)
        error = float(np.sqrt(np.mean((powers @ coefficients - v) ** 2) / max(float(np.var(v)), 1e-300)))
        kept = [n for n in range(1, degree + 1) if abs(coefficients[n]) > 1e-9 * np.abs(coefficients).max()]
        if len(kept) < 2:
            continue
        terms = [mul(Parameter(place), PLACEHOLDER**n) for place, n in enumerate(kept)]
        with np.errstate(all="ignore"):
            values = coefficients[kept] / np.float64(scale) ** np.array(kept)
        if not np.isfinite(values).all() or not values.all():
            continue  # a power of the input leaves the numbers
        constant = float(np.mean(v - powers[:, kept] @ coefficients[kept]))
        found.append(
            Candidate(
                add(*terms),
                tuple(values.tolist()),
                tuple(range(len(kept))),
                constant,
                error,
                2 * len(kept) + 1,
            )
        )
    return found


def _pairs(u: Array, v: Array) -> list[Candidate]:
    """Sums of two terms ``c₁ g₁(u) + c₂ g₂(u)`` with nice inner constants: all pairs from one Gram matrix."""
    trees, values, prices = _atoms(u)
    centered = values - values.mean(1, keepdims=True)
    norms = np.linalg.norm(centered, axis=1)
    unit = centered / norms[:, None]
    target = v - v.mean()
    gram, onto = unit @ unit.T, unit @ target
    first, second = np.triu_indices(len(trees), 1)
    overlap = gram[first, second]
    determinant = 1 - overlap**2
    with np.errstate(all="ignore"):
        explained = (
            onto[first] ** 2 + onto[second] ** 2 - 2 * overlap * onto[first] * onto[second]
        ) / determinant
    left = np.where(determinant > 1e-6, 1 - explained / np.sum(target**2), np.inf)
    found = []
    for place in np.argsort(left, kind="stable")[:6]:
        i, j = int(first[place]), int(second[place])
        basis = centered[[i, j]].T
        coefficients, *_ = np.linalg.lstsq(basis, target, rcond=None)
        error = float(np.sqrt(np.mean((basis @ coefficients - target) ** 2) / max(float(np.var(v)), 1e-300)))
        tree = add(mul(Parameter(0), trees[i]), mul(Parameter(1), trees[j]))
        factors = tuple(float(value) for value in coefficients)
        constant = float(np.mean(v - values[[i, j]].T @ coefficients))
        found.append(Candidate(tree, factors, (0, 1), constant, error, prices[i] + prices[j] + 2))
    return found


def _atoms(u: Array) -> tuple[list[Expression], Array, list[int]]:
    """Terms with nice inner constants, alone and times u: their trees, values and complexities."""
    trees: list[Expression] = []
    values, prices = [], []
    for name, function in LIBRARY.items():
        scales = (1.0,) if name in SCALE_FREE else (1.0, 2.0, 3.0, 0.5, float(np.pi), 2 * float(np.pi), -1.0)
        for scale in scales if name not in ("exp",) else (*scales, -2.0, -0.5):
            with np.errstate(all="ignore"):
                value = _of(function, scale * u)
                times_u = u * value
            if not (_varies(value) and _varies(times_u)):
                continue
            term = apply_function(name, mul(number(scale), PLACEHOLDER))
            trees += [term, mul(PLACEHOLDER, term)]
            values += [value, times_u]
            price = function.complexity + int(scale != 1)
            prices += [price, price + 1]
    return trees, np.array(values), prices


def _varies(values: Array) -> bool:
    """Whether values are numbers, and not one number but for rounding."""
    return bool(np.isfinite(values).all() and np.std(values) > 1e-9 * np.abs(values).max())


def _of(function: Function, u: Array) -> Array:
    """f(u) as an array."""
    return np.asarray(function.value(u))
