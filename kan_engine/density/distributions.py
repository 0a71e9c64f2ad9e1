"""Families of univariate distributions: log-density, cumulative distribution, initial parameters, formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from kan_engine.density.maximum_likelihood import DistributionFamily, Vector
from kan_engine.density.support import possible_ends
from kan_engine.density.weighted_values import WeightedValues
from kan_engine.expressions.evaluation import Expression, call, mul, number, power

LOG_2PI = float(np.log(2 * np.pi))


def candidate_families(
    rows: WeightedValues, support: tuple[float, float], *, max_gamma_shape: float = 50.0
) -> Iterator[DistributionFamily]:
    """Distribution families to try for a column whose density has this support, the most usual first.

    Args:
        max_gamma_shape: Beyond which the usual formula of the gamma density overflows.
    """
    yield from (_normal(), _uniform())
    # Families on an interval: from 0 to 1, and between the ends of the estimated support
    ranges = {(0.0, 1.0): 0} if rows.low > 0 and rows.high < 1 else {}
    if np.isfinite(support).all():
        ranges.setdefault(support, 2)
    for (low, high), end_count in ranges.items():
        yield _beta(low, high, end_count)
    # Families on a half-line: from 0, and from the lower end of the estimated support
    lows = {0.0: 0} if rows.low >= 0 else {}
    if np.isfinite(support[0]):
        lows.setdefault(support[0], 1)
    for low, end_count in lows.items():
        yield from (
            _exponential(low, end_count),
            _gamma(low, end_count, max_gamma_shape),
            _weibull(low, end_count),
            _log_normal(low, end_count),
        )
    yield from (_laplace(), _logistic(), _cauchy(), _gumbel(1), _gumbel(-1), _student(), _mixture())


def _normal_density(x: Expression, mean: float, std: float) -> Expression:
    """The density of a normal distribution."""
    square = power(x - number(mean), 2)
    return mul(number(1 / (std * (2 * np.pi) ** 0.5)), call("exp", mul(number(-0.5 / std**2), square)))


def _standard_normal_log_density(u: Vector) -> Vector:
    log_density: Vector = -0.5 * (u * u + LOG_2PI)
    return log_density


def _normal() -> DistributionFamily:
    return DistributionFamily(
        name="normal",
        parameters=("mean", "standard_deviation+"),
        log_density=lambda t, x: _standard_normal_log_density((x - t[0]) / t[1]) - np.log(t[1]),
        cumulative=lambda t, x: special.ndtr((x - t[0]) / t[1]),
        start=lambda rows: np.array([rows.mean, rows.std]),
        is_closed=True,
        tree=lambda t, x: _normal_density(x, t[0], t[1]),
    )


def _log_normal(low: float, end_count: int) -> DistributionFamily:
    def start(rows: WeightedValues) -> Vector | None:
        if not rows.low > low:
            return None
        logs = rows.replace_values(np.log(rows.x - low))
        return np.array([logs.mean, max(logs.std, 1e-9)])

    def tree(t: Vector, x: Expression) -> Expression:
        return _normal_density(call("log", x - number(low)), t[0], t[1]) / (x - number(low))

    return DistributionFamily(
        name="log-normal",
        parameters=("mean_of_logarithm", "standard_deviation_of_logarithm+"),
        log_density=lambda t, x: _log_density_above(
            x,
            low,
            lambda y: _standard_normal_log_density((np.log(y) - t[0]) / t[1]) - np.log(t[1]) - np.log(y),
        ),
        cumulative=lambda t, x: special.ndtr((np.log(np.maximum(x - low, 1e-300)) - t[0]) / t[1]),
        start=start,
        tree=tree,
        support=lambda _: (low, np.inf),
        free=2 + end_count,
        is_closed=True,
    )


def _exponential(low: float, end_count: int) -> DistributionFamily:
    return DistributionFamily(
        name="exponential",
        parameters=("rate+",),
        log_density=lambda t, x: _log_density_above(x, low, lambda y: np.log(t[0]) - t[0] * y),
        cumulative=lambda t, x: -np.expm1(-t[0] * np.maximum(x - low, 0.0)),
        start=lambda rows: np.array([1 / (rows.mean - low)]) if rows.mean > low <= rows.low else None,
        tree=lambda t, x: mul(number(t[0]), call("exp", mul(number(-t[0]), x - number(low)))),
        support=lambda _: (low, np.inf),
        free=1 + end_count,
        is_closed=True,
    )


def _gamma(low: float, end_count: int, max_shape: float) -> DistributionFamily:
    def start(rows: WeightedValues) -> Vector | None:
        if not rows.low > low:
            return None
        mean = rows.mean - low
        s = max(float(np.log(mean)) - rows.replace_values(np.log(rows.x - low)).mean, 1e-9)
        shape = (3 - s + ((s - 3) ** 2 + 24 * s) ** 0.5) / (12 * s)  # Minka 2002, near the maximum
        return np.array([shape, mean / shape])

    def density(t: Vector, y: Vector) -> Vector:
        k, scale = t
        log_density: Vector = (k - 1) * np.log(y) - y / scale - special.gammaln(k) - k * np.log(scale)
        return log_density

    def tree(t: Vector, x: Expression) -> Expression:
        k, scale = t
        y = x - number(low)
        if k > max_shape:  # the usual factors overflow; with the mode m: top·(y/m·exp(1 - y/m))^(k-1)
            top = number(float(np.exp(density(t, np.array([(k - 1) * scale]))[0])))
            u = mul(number(1 / ((k - 1) * scale)), y)
            return mul(top, power(mul(u, call("exp", 1 - u)), number(k - 1)))
        factor = float(np.exp(-special.gammaln(k) - k * np.log(scale)))
        return mul(number(factor), power(y, number(k - 1)), call("exp", mul(number(-1 / scale), y)))

    return DistributionFamily(
        name="gamma",
        parameters=("shape+", "scale+"),
        log_density=lambda t, x: _log_density_above(x, low, lambda y: density(t, y)),
        cumulative=lambda t, x: special.gammainc(t[0], np.maximum(x - low, 0.0) / t[1]),
        start=start,
        tree=tree,
        support=lambda _: (low, np.inf),
        free=2 + end_count,
    )


def _weibull(low: float, end_count: int) -> DistributionFamily:
    def start(rows: WeightedValues) -> Vector | None:
        if not rows.low > low:
            return None
        # Logarithms of Weibull values have a Gumbel distribution, whose moments give shape and scale
        logs = rows.replace_values(np.log(rows.x - low))
        shape = 1.28255 / max(logs.std, 1e-9)  # π/√6 over the standard deviation of the logarithms
        return np.array([shape, np.exp(logs.mean + 0.57722 / shape)])

    def density(t: Vector, y: Vector) -> Vector:
        k, scale = t
        logs = np.log(y / scale)
        log_density: Vector = np.log(k / scale) + (k - 1) * logs - np.exp(k * logs)
        return log_density

    def tree(t: Vector, x: Expression) -> Expression:
        k, scale = t
        y = mul(number(1 / scale), x - number(low))
        return mul(number(k / scale), power(y, number(k - 1)), call("exp", -power(y, number(k))))

    return DistributionFamily(
        name="Weibull",
        parameters=("shape+", "scale+"),
        log_density=lambda t, x: _log_density_above(x, low, lambda y: density(t, y)),
        cumulative=lambda t, x: -np.expm1(-((np.maximum(x - low, 0.0) / t[1]) ** t[0])),
        start=start,
        tree=tree,
        support=lambda _: (low, np.inf),
        free=2 + end_count,
    )


def _log_density_above(x: Vector, low: float, density: Callable[[Vector], Vector]) -> Vector:
    """Log-density as a function of the distance above ``low``; minus infinity below it."""
    y = x - low
    log_density: Vector = np.where(y >= 0, density(np.maximum(y, 1e-300)), -np.inf)
    return log_density


def _beta(low: float, high: float, end_count: int) -> DistributionFamily:
    width = high - low

    def start(rows: WeightedValues) -> Vector | None:
        if not low < rows.low or not rows.high < high:
            return None
        # Method of moments: mean and variance determine alpha + beta
        mean, variance = (rows.mean - low) / width, (rows.std / width) ** 2
        total = mean * (1 - mean) / variance - 1
        return np.array([mean * total, (1 - mean) * total]) if total > 0 else None

    def density(t: Vector, x: Vector) -> Vector:
        u = (x - low) / width
        inside = (u > 0) & (u < 1)
        v = np.where(inside, u, 0.5)
        logs = (t[0] - 1) * np.log(v) + (t[1] - 1) * np.log1p(-v) - special.betaln(t[0], t[1]) - np.log(width)
        return np.where(inside, logs, -np.inf)

    def tree(t: Vector, x: Expression) -> Expression:
        factor = float(np.exp(-special.betaln(t[0], t[1]) - (t[0] + t[1] - 1) * np.log(width)))
        return mul(
            number(factor),
            power(x - number(low), number(t[0] - 1)),
            power(number(high) - x, number(t[1] - 1)),
        )

    return DistributionFamily(
        name="beta",
        parameters=("alpha+", "beta+"),
        log_density=density,
        cumulative=lambda t, x: special.betainc(t[0], t[1], np.clip((x - low) / width, 0.0, 1.0)),
        start=start,
        tree=tree,
        support=lambda _: (low, high),
        free=2 + end_count,
    )


def _uniform() -> DistributionFamily:
    def density(t: Vector, x: Vector) -> Vector:
        return np.where((x >= t[0]) & (x <= t[1]), -np.log(t[1] - t[0]), -np.inf)

    return DistributionFamily(
        name="uniform",
        parameters=("low", "high"),
        log_density=density,
        cumulative=lambda t, x: np.clip((x - t[0]) / (t[1] - t[0]), 0.0, 1.0),
        start=lambda rows: np.array(possible_ends(rows.x)),
        tree=lambda t, _: number(1 / (t[1] - t[0])),
        support=lambda t: (float(t[0]), float(t[1])),
        is_closed=True,
        is_support=True,
    )


def _laplace() -> DistributionFamily:
    def start(rows: WeightedValues) -> Vector:
        # Median and mean absolute deviation from it are the maximum-likelihood estimates
        middle = rows.quantile(0.5)
        return np.array([middle, max(rows.replace_values(np.abs(rows.x - middle)).mean, 1e-300)])

    return DistributionFamily(
        name="Laplace",
        parameters=("location", "scale+"),
        log_density=lambda t, x: -np.abs(x - t[0]) / t[1] - np.log(2 * t[1]),
        cumulative=lambda t, x: np.where(
            x < t[0], 0.5 * np.exp(-np.abs(x - t[0]) / t[1]), 1 - 0.5 * np.exp(-np.abs(x - t[0]) / t[1])
        ),
        start=start,
        tree=lambda t, x: mul(
            number(0.5 / t[1]), call("exp", mul(number(-1 / t[1]), call("abs", x - number(t[0]))))
        ),
        is_closed=True,
    )


def _logistic() -> DistributionFamily:
    return DistributionFamily(
        name="logistic",
        parameters=("location", "scale+"),
        log_density=lambda t, x: (
            -2 * np.logaddexp(0.5 * (x - t[0]) / t[1], -0.5 * (x - t[0]) / t[1]) - np.log(t[1])
        ),
        cumulative=lambda t, x: special.expit((x - t[0]) / t[1]),
        start=lambda rows: np.array([rows.mean, rows.std * 3**0.5 / np.pi]),
        tree=lambda t, x: mul(
            number(0.25 / t[1]), power(call("cosh", mul(number(0.5 / t[1]), x - number(t[0]))), -2)
        ),
    )


def _student() -> DistributionFamily:
    def density(t: Vector, x: Vector) -> Vector:
        m, s, v = t
        constant = special.gammaln((v + 1) / 2) - special.gammaln(v / 2) - 0.5 * np.log(v * np.pi) - np.log(s)
        log_density: Vector = constant - (v + 1) / 2 * np.log1p(((x - m) / s) ** 2 / v)
        return log_density

    def tree(t: Vector, x: Expression) -> Expression:
        m, s, v = t
        factor = float(np.exp(density(t, np.array([m]))[0]))
        square = mul(number(1 / (v * s**2)), power(x - number(m), 2))
        return mul(number(factor), power(1 + square, number(-(v + 1) / 2)))

    return DistributionFamily(
        name="Student t",
        parameters=("location", "scale+", "degrees_of_freedom+"),
        log_density=density,
        cumulative=lambda t, x: special.stdtr(t[2], (x - t[0]) / t[1]),
        start=lambda rows: np.array([rows.quantile(0.5), rows.spread, 5.0]),
        tree=tree,
    )


def _cauchy() -> DistributionFamily:
    def tree(t: Vector, x: Expression) -> Expression:
        return mul(
            number(1 / (np.pi * t[1])), 1 / (1 + mul(number(1 / t[1] ** 2), power(x - number(t[0]), 2)))
        )

    return DistributionFamily(
        name="Cauchy",
        parameters=("location", "scale+"),
        log_density=lambda t, x: -np.log1p(((x - t[0]) / t[1]) ** 2) - np.log(np.pi * t[1]),
        cumulative=lambda t, x: 0.5 + np.arctan((x - t[0]) / t[1]) / np.pi,
        start=lambda rows: np.array([rows.quantile(0.5), rows.spread]),
        tree=tree,
    )


def _gumbel(sign: int) -> DistributionFamily:
    """The limit distribution of the maximum of many values, or with sign -1 of the minimum."""

    def density(t: Vector, x: Vector) -> Vector:
        u = sign * (x - t[0]) / t[1]
        log_density: Vector = -u - np.exp(-u) - np.log(t[1])
        return log_density

    def cumulative(t: Vector, x: Vector) -> Vector:
        below: Vector = np.exp(-np.exp(-sign * (x - t[0]) / t[1]))
        return below if sign > 0 else 1 - below

    def tree(t: Vector, x: Expression) -> Expression:
        u = mul(number(-sign / t[1]), x - number(t[0]))
        return mul(number(1 / t[1]), call("exp", u - call("exp", u)))

    return DistributionFamily(
        name="Gumbel of maxima" if sign > 0 else "Gumbel of minima",
        parameters=("location", "scale+"),
        log_density=density,
        cumulative=cumulative,
        start=lambda rows: np.array([rows.mean - sign * 0.45 * rows.std, 0.78 * rows.std]),
        tree=tree,
    )


def _mixture() -> DistributionFamily:
    """A mixture of two normal distributions; expectation maximisation keeps its share between 0 and 1."""

    def component_log_densities(t: Vector, x: Vector) -> tuple[Vector, Vector]:
        first_component, second_component = (
            _standard_normal_log_density((x - t[i]) / t[i + 1]) - np.log(t[i + 1]) for i in (1, 3)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return first_component + np.log(t[0]), second_component + np.log1p(-t[0])

    def cumulative(t: Vector, x: Vector) -> Vector:
        first_share, second_share = (special.ndtr((x - t[i]) / t[i + 1]) for i in (1, 3))
        probability: Vector = t[0] * first_share + (1 - t[0]) * second_share
        return probability

    return DistributionFamily(
        name="mixture of two normal laws",
        parameters=("share", "mean_1", "standard_deviation_1+", "mean_2", "standard_deviation_2+"),
        log_density=lambda t, x: np.logaddexp(*component_log_densities(t, x)),
        cumulative=cumulative,
        start=_initial_mixture,
        is_closed=True,
        tree=lambda t, x: (
            mul(number(t[0]), _normal_density(x, t[1], t[2]))
            + mul(number(1 - t[0]), _normal_density(x, t[3], t[4]))
        ),
    )


def _initial_mixture(
    rows: WeightedValues, *, max_em_rounds: int = 200, min_component_std: float = 0.05
) -> Vector | None:
    """Share, means and standard deviations by expectation maximisation, which starts from the halves.

    None if one component has less than 2 % of the rows.

    Args:
        max_em_rounds: Of expectation maximisation.
        min_component_std: Of a component of a mixture, relative to the standard deviation of all rows.
    """
    middle = rows.quantile(0.5)
    share = np.where(rows.x < middle, 0.9, 0.1)
    theta = np.zeros(5)
    for _ in range(max_em_rounds):
        before = theta
        # Maximisation: share, mean and standard deviation of the rows that each component is responsible for
        weights = [rows.w * share, rows.w * (1 - share)]
        totals = [float(w.sum()) for w in weights]
        if min(totals) < 0.02 * rows.count:
            return None
        means = [float(w @ rows.x) / total for w, total in zip(weights, totals, strict=True)]
        stds = [
            max(float(w @ (rows.x - mean) ** 2 / total) ** 0.5, min_component_std * rows.std)
            for w, mean, total in zip(weights, means, totals, strict=True)
        ]
        theta = np.array([totals[0] / rows.count, means[0], stds[0], means[1], stds[1]])
        # Expectation: posterior probability of the first component in every row
        first_component, second_component = (
            _standard_normal_log_density((rows.x - theta[i]) / theta[i + 1]) - np.log(theta[i + 1])
            for i in (1, 3)
        )
        share = special.expit(first_component - second_component + special.logit(theta[0]))
        if np.abs(theta - before).max() < 1e-6 * rows.std:
            break
    return theta
