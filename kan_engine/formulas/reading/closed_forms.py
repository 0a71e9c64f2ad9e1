"""The reader of curves: closed forms of edges of networks, of columns, and of what a transform leaves.

A form is a single function, a quotient of polynomials, a sum of a few terms, or, where the curve may be a
logarithm, that of such a form: 1/√(1 - v²) is one function of v². Cheap forms come first. The search ends as
soon as a form is as close as the precision of the curve allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, apply_function, evaluate, mul, number, walk
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nodes import Add, Call
from kan_engine.formulas.reading.curve_form import PLACEHOLDER, ROUNDING_ERROR, CurveForm
from kan_engine.formulas.reading.damped_oscillations import fit_oscillation_sums
from kan_engine.formulas.reading.dictionary_regression import fit_term_sums
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, fit_plain_functions, suggest

LOGARITHMS = tuple(Fraction(s) for s in (1, -1, 2, -2, 0.5, -0.5, 0.25, -0.25))
"""s of curves log(F)/s."""


class Effort(IntEnum):
    """Classes of closed forms, cheapest first.

    ``PLAIN``: functions without inner constants, polynomials and quotients. ``SINGLE``: one function with
    inner constants. ``SUMS``: sums of a few terms.
    """

    PLAIN = 0
    SINGLE = 1
    SUMS = 2

    @property
    def max_complexity(self) -> int:
        """Of a close form that ends the search: a longer one may imitate a simpler one of the next class."""
        return 4 if self == Effort.PLAIN else 10


def search_forms(
    axis: FitPoints,
    v: Float[Array, " rows"],
    noise: NoiseModel,
    *,
    last_effort: Effort,
    logarithms: Sequence[Fraction] = (),
    allows: Callable[[CurveForm], bool] = lambda _: True,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[CurveForm]:
    """Search closed forms of a curve until one reaches the precision of the curve; return the best.

    Args:
        axis: Fit points of the curve.
        v: Values of the curve, one per row.
        noise: Noise model of the curve.
        last_effort: Last class of forms.
        logarithms: Every s for which curves log(F)/s are searched, too, where no simple form is close.
        allows: Returns whether a candidate is accepted.
        should_stop: Once true, the search ends with the candidates found, if there are any.
    """
    candidates: list[CurveForm] = []
    # A class that holds a close and simple form ends the search, before more complex forms imitate it
    for effort in list(Effort)[: last_effort + 1]:
        batch = list(iterate_closed_forms(axis, v, noise, effort))
        candidates += filter(allows, batch)
        if effort != Effort.SUMS and not has_close_form(batch, noise, Effort.PLAIN.max_complexity):
            for candidate in iterate_logarithms(axis, v, noise, effort, logarithms):
                if candidates and should_stop():
                    break
                candidates += filter(allows, [candidate])
        if has_close_form(candidates, noise, effort.max_complexity) or (candidates and should_stop()):
            break
    return select_best_forms(candidates, noise, 24 if noise.is_noisy else 5)


def iterate_closed_forms(
    axis: FitPoints, v: Float[Array, " rows"], noise: NoiseModel, effort: Effort
) -> Iterator[CurveForm]:
    """Yield the closed forms of one class for a curve; a constant for a curve that does not vary.

    Args:
        axis: Inputs u of the curve.
        v: Values of the curve, one per row.
        noise: Noise model of the curve.
        effort: Class of the forms.
    """
    at = axis.subsample(v)
    if not is_varying(at):
        yield CurveForm(LinearSum({}, float(at.mean())), error=0.0, complexity=0)
        return
    search = (_fit_plain, _fit_single, _fit_sums)[effort]
    yield from axis.fit_once(at, (effort, noise), lambda: search(axis, v, noise))


def iterate_logarithms(
    axis: FitPoints,
    v: Float[Array, " rows"],
    noise: NoiseModel,
    effort: Effort,
    logarithms: Sequence[Fraction],
) -> Iterator[CurveForm]:
    """Yield fits v = log(F)/s for every s in ``logarithms``, with closed forms F of one class.

    Other arguments as those of ``iterate_closed_forms``.
    """
    for s in logarithms:
        yield from _fit_logarithms(axis, v, noise, effort, s)


def select_best_forms(forms: Iterable[CurveForm], noise: NoiseModel, keep: int) -> list[CurveForm]:
    """Return the ``keep`` forms with the best scores, best first, each shape once."""
    best = dict[Expression, CurveForm]()
    for candidate in sorted(forms, key=lambda candidate: candidate.score(noise)):
        best.setdefault(candidate.shape, candidate)  # the first candidate of a shape has its best score
    return list(best.values())[:keep]


def has_close_form(forms: Iterable[CurveForm], noise: NoiseModel, max_complexity: int) -> bool:
    """Whether a form of at most this complexity is as close as the precision of the curve allows."""
    near = noise.get_close_error()
    return any(c.error <= near for c in forms if c.complexity <= max_complexity)


def is_varying(values: Float[Array, " *dims"], min_relative_range: float = 1e-9) -> bool:
    """Whether values are finite and vary by more than rounding error."""
    return bool(np.isfinite(values).all() and np.std(values) > min_relative_range * np.abs(values).max())


def _fit_plain(axis: FitPoints, v: Float[Array, " rows"], noise: NoiseModel) -> list[CurveForm]:
    forms = [CurveForm.from_fit(fit) for fit in fit_plain_functions(axis, v)]
    if not has_close_form(forms, noise, Effort.PLAIN.max_complexity):
        forms += _fit_quotients(axis.u, axis.subsample(v))
    return forms


def _fit_single(axis: FitPoints, v: Float[Array, " rows"], _: NoiseModel) -> list[CurveForm]:
    return [*map(CurveForm.from_fit, suggest(axis, v)), *_fit_powers(axis, v)]


def _fit_sums(axis: FitPoints, v: Float[Array, " rows"], noise: NoiseModel) -> list[CurveForm]:
    at = axis.subsample(v)
    waves = axis.fit_once(at, "oscillations", lambda: fit_oscillation_sums(axis.u, at))
    if not noise.is_noisy and has_close_form(waves, noise, Effort.SUMS.max_complexity):
        return waves
    return [*waves, *(form.refit(axis.u, at) for form in fit_term_sums(axis, at, noise))]


def _fit_powers(axis: FitPoints, v: Float[Array, " rows"], complexity: int = 4) -> Iterator[CurveForm]:
    """Yield c·u^p + d with a real exponent p, which is an exponential of log u."""
    if axis.u[0] <= 0:
        return
    # The logarithm of u over its largest value, since a power of a large u would overflow
    unit = float(axis.u[-1])
    logarithm = axis.compute_once(
        "logarithm", lambda: FitPoints(np.log(axis.u / unit), functions=[LIBRARY["exp"]])
    )
    for fit in suggest(logarithm, axis.subsample(v)):
        with np.errstate(all="ignore"):
            factor = float(fit.c * np.float64(unit) ** -fit.a)
        if np.isfinite(factor):
            power = LinearSum({PLACEHOLDER ** make_measured(fit.a): factor}, fit.d)
            yield CurveForm(power, fit.error, complexity)


def _fit_quotients(
    u: Float[Array, " points"],
    v: Float[Array, " points"],
    *,
    degrees: Sequence[tuple[int, int]] = (
        *((2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)),
        *((1, 1), (0, 2), (1, 2), (2, 1), (2, 2)),
        *((3, 1), (3, 2), (2, 3), (4, 1), (4, 2)),
    ),
    steps: int = 4,
    min_share: float = 1e-9,
) -> Iterator[CurveForm]:
    """Yield polynomials and quotients P(u)/Q(u) with Q = 1 + …, by least squares on v·Q = P.

    Rows are weighted by the previous Q (Sanathanan and Koerner, 1963).

    Args:
        u: Points, in ascending order.
        v: Values of the curve there.
        degrees: Of numerator and denominator.
        steps: Of the reweighting.
        min_share: Of the largest coefficient on the unit scale; terms with smaller ones are dropped.
    """
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    # Powers on the unit scale, for a well-conditioned matrix; the mean of v is a constant of P
    powers, deviations = (u[:, None] / scale) ** np.arange(9), v - v.mean()
    for above, below in degrees:
        columns = np.hstack([powers[:, : above + 1], -deviations[:, None] * powers[:, 1 : below + 1]])
        weight = np.ones_like(v)
        # Weights 1/|Q| turn the residuals of v·Q = P into those of v = P/Q; a pole within the range ends it
        for _ in range(steps if below else 1):
            solution = np.linalg.lstsq(columns * weight[:, None], deviations * weight, rcond=None)[0]
            bottom = 1 + powers[:, 1 : below + 1] @ solution[above + 1 :]
            if bottom.min() * bottom.max() <= 0:
                break
            weight = 1 / np.abs(bottom)
        else:
            top, tail = np.split(solution, [above + 1])
            yield from _build_quotient(top, tail, min_share, scale, u, v)


def _build_quotient(
    top: Float[Array, " above"],
    bottom: Float[Array, " below"],
    min_share: float,
    scale: float,
    u: Float[Array, " points"],
    v: Float[Array, " points"],
) -> Iterator[CurveForm]:
    """Yield P/Q in u from coefficients on the unit scale, unless a coefficient in u is 0 or not finite."""
    bottom = np.concatenate([[1.0], bottom])
    coefficients = list[dict[int, float]]()
    # Negligible terms are dropped, and the others converted to units of u
    for part in (top, bottom):
        exponents = np.flatnonzero(np.abs(part) > min_share * np.abs(part).max())
        with np.errstate(all="ignore"):
            values = part[exponents] / np.float64(scale) ** exponents
        if not np.isfinite(values).all() or not values.all():
            return
        coefficients.append(dict(zip(exponents.tolist(), values.tolist(), strict=True)))
    above, below = (
        LinearSum({PLACEHOLDER**n: c for n, c in part.items() if n}, part.get(0, 0.0))
        for part in coefficients
    )
    terms, complexity = above.terms, 2 * len(above.terms) + 1
    # The numerator has a leading coefficient of 1, so that the quotient has one factor
    if below.terms:
        complexity = 2 * (len(coefficients[0]) + len(below.terms))
        size, above = above.normalize() if above.terms else (above.constant, LinearSum({}))
        numerator = above.tree if above.terms else number(1)
        terms = {numerator / (1 + LinearSum(below.terms).tree): size}
    form = CurveForm.measure(terms, u, v, complexity)
    if terms and np.isfinite(form.error):
        yield form


def _fit_logarithms(
    axis: FitPoints,
    v: Float[Array, " rows"],
    noise: NoiseModel,
    effort: Effort,
    s: Fraction,
    *,
    max_forms: int = 3,
    min_offset: float = 1e-4,
) -> Iterator[CurveForm]:
    """Yield fits v = log(F)/s with a simple F, without a factor of F, which only shifts the logarithm.

    Args:
        axis, v, noise, effort: See ``iterate_closed_forms``.
        s: Of the fit.
        max_forms: Forms F.
        min_offset: Constant of F over its largest value; a smaller one is dropped.
    """
    with np.errstate(all="ignore"):
        f = np.exp(float(s) * (v - v.mean()))
    if not np.isfinite(f).all() or float(np.std(f)) == 0:
        return
    # An error of v is one of F times s·F, over the spread of F
    factor = abs(float(s)) * float(np.std(v)) * float(f.mean()) / float(np.std(f))
    near = NoiseModel(
        max(noise.floor * factor, ROUNDING_ERROR), max(noise.noise * factor, ROUNDING_ERROR), noise.price
    )
    at = axis.subsample(v)
    for form in select_best_forms(iterate_closed_forms(axis, f, near, effort), near, max_forms):
        # The factor of F only shifts its logarithm; so does a negligible constant
        terms, constant = form.total.terms, form.total.constant
        largest = float(np.abs(evaluate(LinearSum(terms).tree, {PLACEHOLDER.name: axis.u})).max())
        total = LinearSum(terms, constant if abs(constant) > min_offset * largest else 0.0)
        inside = total.normalize(by_constant=True)[1].tree
        if not any(isinstance(node, Add | Call) for node in walk(inside)):
            continue  # a power, whose logarithm is a multiple of log u
        tree = mul(number(1 / s), apply_function("log", inside))
        candidate = CurveForm.measure({tree: 1}, axis.u, at, form.complexity + 2 + int(abs(s) != 1))
        if np.isfinite(candidate.error):  # the fit of F favours large F; log F has to fit everywhere
            yield candidate.refit(axis.u, at) if noise.is_noisy else candidate
