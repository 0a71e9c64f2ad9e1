"""Families of univariate distributions, and their fit by maximum likelihood.

All parameters are fitted together. Their covariance is the inverse of the observed Fisher information, the
Hessian of the negative log-likelihood. The confidence interval of a positive parameter is symmetric on the
logarithmic scale, so that its ends are positive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

from kan_engine.density.weighted_values import WeightedValues
from kan_engine.expressions.evaluation import Expression

NORMAL_QUANTILE_95 = 1.959963984540054  # standard errors on either side of a 95 % confidence interval

Vector = np.ndarray
Tree = Callable[[Vector, Expression], Expression]
Parameter = dict[str, float | str | None]


@dataclass(frozen=True)
class DistributionFamily:
    """A family of distributions.

    Attributes:
        name: Name of the family.
        parameters: Names of the parameters; a name that ends in "+" marks a positive one (not for clients).
        log_density: Log-density of values, given the parameters.
        cumulative: Cumulative distribution function of values, given the parameters.
        start: Initial parameters; None if the family does not apply to the values.
        tree: The density as a formula of the column.
        support: Support, given the parameters.
        free: Number of free parameters for the BIC, if it differs from the number of parameters.
        is_closed: Whether ``start`` already returns the maximum-likelihood parameters.
        is_support: Whether the parameters are the ends of the support, which depend on all rows.
    """

    name: str
    parameters: tuple[str, ...]
    log_density: Callable[[Vector, Vector], Vector]
    cumulative: Callable[[Vector, Vector], Vector]
    start: Callable[[WeightedValues], Vector | None]
    tree: Tree
    support: Callable[[Vector], tuple[float, float]] = lambda _: (-np.inf, np.inf)
    free: int | None = None
    is_closed: bool = False
    is_support: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, for clients."""
        return tuple(name.rstrip("+") for name in self.parameters)

    @property
    def is_positive(self) -> Bool[np.ndarray, " parameters"]:
        """Which parameters must be positive."""
        return np.array([name.endswith("+") for name in self.parameters])


@dataclass(frozen=True, eq=False)
class FittedDistribution:
    """A family with its maximum-likelihood parameters."""

    law: DistributionFamily
    theta: Vector
    log_likelihood: float

    def bic(self, rows: float) -> float:
        """Negative BIC (Schwarz), halved: the log-likelihood minus the penalty of the parameters."""
        free = len(self.theta) if self.law.free is None else self.law.free
        return self.log_likelihood - 0.5 * free * float(np.log(rows))


def fit_family(
    law: DistributionFamily, rows: WeightedValues, *, max_positive_parameter: float = 1e6
) -> FittedDistribution | None:
    """Fit the parameters; None if the family does not apply to the rows or the likelihood has no maximum.

    Args:
        max_positive_parameter: Of shapes and degrees of freedom: beyond it a simpler family applies.
    """
    start = law.start(rows)
    if start is None:
        return None
    theta = start if law.is_closed else _maximise_likelihood(law, rows, start)
    with np.errstate(all="ignore"):
        likelihood = float(rows.w @ law.log_density(theta, rows.x))
    # A parameter that grows without bound means that the likelihood has no maximum
    good = (
        np.isfinite(theta).all()
        and np.isfinite(likelihood)
        and (np.abs(theta[law.is_positive]) < max_positive_parameter).all()
    )
    return FittedDistribution(law, theta, likelihood) if good else None


def _maximise_likelihood(law: DistributionFamily, rows: WeightedValues, start: Vector) -> Vector:
    positive = law.is_positive

    def loss(u: Vector) -> float:
        with np.errstate(all="ignore"):
            value = -float(rows.w @ law.log_density(_to_natural_scale(u, positive), rows.x)) / rows.count
        return value if np.isfinite(value) else 1e100

    # Positive parameters are optimised as logarithms, so that no bounds are needed
    optimum = minimize(loss, _to_unbounded_scale(start, positive), method="BFGS", options={"gtol": 1e-6})
    return _to_natural_scale(optimum.x, positive)


def _to_natural_scale(u: Vector, positive: Bool[np.ndarray, " _"]) -> Vector:
    with np.errstate(over="ignore"):
        return np.where(positive, np.exp(np.where(positive, u, 0.0)), u)


def _to_unbounded_scale(theta: Vector, positive: Bool[np.ndarray, " _"]) -> Vector:
    return np.where(positive, np.log(np.where(positive, theta, 1.0)), theta)


def confidence_intervals(
    fit: FittedDistribution, rows: WeightedValues, *, difference_step: float = 1e-4
) -> list[Parameter]:
    """Every parameter with its standard error and its 95 % confidence interval.

    Args:
        difference_step: Of central differences of the log-likelihood, relative to a parameter.
    """
    law = fit.law
    if law.is_support:
        return _uniform_intervals(fit, rows)
    errors = _standard_errors(fit, rows, difference_step)
    entries = zip(law.names, fit.theta.tolist(), errors, law.is_positive, strict=True)
    return [
        confidence_interval(name, value, error, is_positive=positive)
        for name, value, error, positive in entries
    ]


def confidence_interval(
    name: str, value: float, error: float | None, *, is_positive: bool = False
) -> Parameter:
    """A parameter with the 95 % confidence interval from its standard error."""
    low = high = None
    if error is not None and is_positive:
        factor = float(np.exp(NORMAL_QUANTILE_95 * error / value))
        low, high = value / factor, value * factor
    elif error is not None:
        low, high = value - NORMAL_QUANTILE_95 * error, value + NORMAL_QUANTILE_95 * error
    return {"name": name, "value": value, "standard_error": error, "low": low, "high": high}


def _uniform_intervals(fit: FittedDistribution, rows: WeightedValues) -> list[Parameter]:
    """One-sided 95 % confidence intervals of the ends of a uniform distribution."""
    # The range of n uniform values falls short of the true one by a factor with this quantile
    reach = (rows.high - rows.low) * (0.05 ** (-1 / rows.count) - 1)
    intervals = {"low": (rows.low - reach, rows.low), "high": (rows.high, rows.high + reach)}
    return [
        {
            "name": name,
            "value": value,
            "standard_error": None,
            "low": intervals[name][0],
            "high": intervals[name][1],
        }
        for name, value in zip(fit.law.names, fit.theta.tolist(), strict=True)
    ]


def _standard_errors(
    fit: FittedDistribution, rows: WeightedValues, relative_step: float
) -> list[float | None]:
    if fit.law.name == "Laplace":  # its likelihood has a kink at the median; uses the expected information
        scale = float(fit.theta[1])
        return [scale / rows.count**0.5] * 2
    information = _fisher_information(fit, rows, relative_step)
    try:
        # Asymptotic covariance of the estimates: the inverse of the information
        variances = np.diag(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        return [None] * len(fit.theta)
    return [float(variance**0.5) if variance > 0 else None for variance in variances.tolist()]


def _fisher_information(
    fit: FittedDistribution, rows: WeightedValues, relative_step: float
) -> Float[np.ndarray, "parameters parameters"]:
    """The observed Fisher information, by central differences."""
    theta, count = fit.theta, len(fit.theta)
    # Steps in proportion to the parameters, but not too small for the scale of the values
    steps = relative_step * np.maximum(np.abs(theta), float(rows.std) * 1e-2)

    def loss(shift: Vector) -> float:
        with np.errstate(all="ignore"):
            return -float(rows.w @ fit.law.log_density(theta + shift, rows.x))

    units = np.diag(steps)
    information = np.zeros((count, count))
    middle = loss(np.zeros(count))
    for i in range(count):
        information[i, i] = (loss(units[i]) - 2 * middle + loss(-units[i])) / steps[i] ** 2
        for j in range(i):
            # Mixed second difference
            ahead, back = units[i] + units[j], units[i] - units[j]
            difference = loss(ahead) - loss(back) - loss(-back) + loss(-ahead)
            information[i, j] = information[j, i] = difference / (4 * steps[i] * steps[j])
    return information
