"""Which closed law a density is, if any: by likelihood, by what rows left out say, and by goodness of fit.

Laws are ranked by Schwarz's criterion. The best of them is accepted if rows that it was not fitted to are no
less likely under it than under the KAN's density, beyond what chance allows, and if the shares of values
below each of them are spread as they should be (Kolmogorov and Smirnov), again under fits to other rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from kan_engine import Expression, Variable, variables
from kan_engine.expression import call, mul, number
from worker.density_rows import Values
from worker.distributions import LEVEL, Fitted, Law, fit, intervals, laws_for

FOLDS = 5
MOST_ROWS = 100_000  # of more rows a sample tells the law
EQUAL = 1.5  # in Schwarz's criterion: the rows do not tell such laws apart, and the most usual one is named
CLOSE = 10.0  # in Schwarz's criterion: laws this far behind the best are not looked at
DOUBT = 2.326  # standard errors by which the KAN's density may be better: 1 % of true laws are refused
LEAST_P = 0.01  # of the test of Kolmogorov and Smirnov
SLACK = 1e-3  # of a mean log-likelihood, in which nobody is interested

Parameters = list[dict[str, float | str | None]]


@dataclass(frozen=True, eq=False)
class Recognised:
    """A closed law that the rows may well follow.

    Attributes:
        name: Of the law.
        parameters: With standard errors, and intervals of 95 %.
        tree: The density in the client's columns.
        log_density: Of rows [n, d].
        bic: Schwarz's criterion, halved; the larger, the better.
        p_value: Of its goodness of fit.
        support: Where it is not 0, per column.
        behind: Mean log-likelihood by which the KAN's density is ahead on rows left out.
    """

    name: str
    parameters: Parameters
    tree: Expression
    log_density: Callable[[np.ndarray], np.ndarray]
    bic: float
    p_value: float
    support: list[tuple[float, float]]
    behind: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """The laws that were accepted, best first, and the best of those that were not.

    Attributes:
        refused: Why the likeliest law was not accepted, in words; None if it was.
    """

    accepted: list[Recognised] = field(default_factory=list)
    refused: str | None = None


def line_laws(
    name: str,
    x: np.ndarray,
    weights: np.ndarray,
    held: np.ndarray,
    support: tuple[float, float],
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Verdict:
    """Laws of one column.

    Args:
        name: Of the column.
        x: Its values.
        weights: What each row counts.
        held: Log-density of each under the KAN's density fitted without it.
        support: Where the KAN's density is not 0.
        seed: Divides the rows.
        should_stop: Once true, no further law is tried.
    """
    some = _sample(len(x), seed)
    rows, held = Values.weighed(x[some], weights[some]), held[some]
    fitted: list[Fitted] = []
    tried = list(laws_for(rows, support))
    names = [law.name for law in tried]
    for law in tried:
        if should_stop():
            break
        found = fit(law, rows)
        if found is not None:
            fitted.append(found)
    fitted.sort(key=lambda one: -one.bic(rows.count))
    part = np.arange(len(some)) % FOLDS
    accepted, refused = [], None
    for one in fitted:
        if fitted[0].bic(rows.count) - one.bic(rows.count) > CLOSE:
            break
        own, share = _left_out(one.law, rows, part)
        why, behind, p_value = _doubts(held - own, rows.w, share)
        if why is not None:
            refused = refused or f"the likeliest law, {one.law.name}, was not accepted: {why}"
            continue
        accepted.append(_recognised(name, one, rows, p_value, behind))
    return Verdict(_usual_first(accepted, names), None if accepted else refused)


def _usual_first(laws: list[Recognised], names: list[str]) -> list[Recognised]:
    """The laws, best first; of those that the rows do not tell from the best, the most usual one leads."""
    if not laws:
        return []
    equal = [law for law in laws if laws[0].bic - law.bic <= EQUAL]
    first = min(equal, key=lambda law: names.index(law.name))
    return [first, *(law for law in laws if law is not first)]


def _sample(count: int, seed: int) -> np.ndarray:
    """Rows in random order, at most so many as tell the law."""
    return np.random.default_rng(seed).permutation(count)[:MOST_ROWS]


def _left_out(law: Law, rows: Values, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-density of every row, and the share of values below it, under the law fitted without its part."""
    density, share = np.full(len(part), -np.inf), np.full(len(part), np.nan)
    whole = fit(law, rows)
    for fold in range(FOLDS):
        own = part == fold
        found = whole if law.is_support else fit(law, rows.where(~own))
        if found is None:
            continue
        with np.errstate(all="ignore"):
            density[own] = law.log_density(found.theta, rows.x[own])
            share[own] = law.cumulative(found.theta, rows.x[own])
    return density, share


def _doubts(ahead: np.ndarray, w: np.ndarray, share: np.ndarray) -> tuple[str | None, float, float]:
    """Why a law is none, if so; by how much the KAN's density is ahead of it; the p-value of its fit.

    Args:
        ahead: Log-likelihood of the KAN's density beyond the law's, of every row left out.
        w: What the rows count.
        share: Of values below each row, as the law has it.
    """
    known = np.isfinite(ahead) | np.isposinf(ahead)
    weight = w[known] / w[known].sum()
    behind = float(weight @ ahead[known])
    if not np.isfinite(behind):
        return "it leaves no room for some of the rows", behind, 0.0
    error = float(weight**2 @ (ahead[known] - behind) ** 2) ** 0.5
    p_value = _spread_evenly(share, w)
    if behind > DOUBT * error + SLACK:
        return (
            f"rows left out are less likely under it, by {behind:.3g} in the mean logarithm",
            behind,
            p_value,
        )
    if p_value < LEAST_P:
        return f"its goodness of fit has a p-value of {p_value:.2g}", behind, p_value
    return None, behind, p_value


def _spread_evenly(share: np.ndarray, w: np.ndarray) -> float:
    """P-value of the test of Kolmogorov and Smirnov that shares are uniform from 0 to 1."""
    if not np.isfinite(share).all():
        return 0.0
    order = np.argsort(share)
    upper = np.cumsum(w[order]) / w.sum()
    lower = upper - w[order] / w.sum()
    distance = float(max((upper - share[order]).max(), (share[order] - lower).max()))
    count = float(w.sum() ** 2 / np.square(w).sum())
    return float(special.kolmogorov(distance * (count**0.5 + 0.12 + 0.11 / count**0.5)))


def _recognised(name: str, one: Fitted, rows: Values, p_value: float, behind: float) -> Recognised:
    law, theta = one.law, one.theta
    return Recognised(
        name=law.name,
        parameters=intervals(one, rows),
        tree=law.tree(theta, Variable(name)),
        log_density=lambda x: law.log_density(theta, x[:, 0]),
        bic=one.bic(rows.count),
        p_value=p_value,
        support=[law.support(theta)],
        behind=behind,
    )


def plane_laws(
    names: tuple[str, str],
    x: np.ndarray,
    weights: np.ndarray,
    held: np.ndarray,
    sides: tuple[Verdict, Verdict],
    seed: int,
) -> Verdict:
    """Laws of two columns: normal with a correlation, and independent ones of each.

    Args:
        names: Of the columns.
        x: Their values [n, 2].
        weights: What each row counts.
        held: Log-density of each row under the KAN's density fitted without it; NaN where there is none.
        sides: Laws of either column alone.
        seed: Divides the rows.
    """
    some = _sample(len(x), seed)
    some = some[np.isfinite(held[some]) | np.isinf(held[some])]
    points, w, ahead = x[some], weights[some], held[some]
    part = np.arange(len(some)) % FOLDS
    count = float(w.sum() ** 2 / np.square(w).sum())
    tried: list[tuple[Recognised, str | None]] = [_normal_pair(names, points, w, ahead, part, count)]
    if sides[0].accepted and sides[1].accepted:
        tried.append(_independent(sides[0].accepted[0], sides[1].accepted[0], points, w, ahead))
    tried.sort(key=lambda entry: -entry[0].bic)
    accepted = [law for law, why in tried if why is None]
    first, why = tried[0]
    return Verdict(
        accepted, None if accepted else f"the likeliest law, {first.name}, was not accepted: {why}"
    )


def _normal_pair(
    names: tuple[str, str], x: np.ndarray, w: np.ndarray, held: np.ndarray, part: np.ndarray, count: float
) -> tuple[Recognised, str | None]:
    mean, covariance = _moments(x, w)
    own, share = np.empty(len(x)), np.empty(len(x))
    for fold in range(FOLDS):
        left = part == fold
        at = _moments(x[~left], w[~left])
        own[left] = _log_normal_density(x[left], *at)
        share[left] = -np.expm1(-0.5 * _distance(x[left], *at))
    why, behind, p_value = _doubts(held - own, w, share)
    likelihood = float(w @ _log_normal_density(x, mean, covariance)) * count / w.sum()
    law = Recognised(
        name="bivariate normal",
        parameters=_normal_parameters(names, mean, covariance, count),
        tree=_normal_tree(names, mean, covariance),
        log_density=lambda rows: _log_normal_density(rows, mean, covariance),
        bic=likelihood - 2.5 * float(np.log(count)),
        p_value=p_value,
        support=[(-np.inf, np.inf)] * 2,
        behind=behind,
    )
    return law, why


def _moments(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = w @ x / w.sum()
    return mean, (w[:, None] * (x - mean)).T @ (x - mean) / w.sum()


def _distance(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Mahalanobis' distance, squared."""
    found: np.ndarray = ((x - mean) * np.linalg.solve(covariance, (x - mean).T).T).sum(1)
    return found


def _log_normal_density(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    found: np.ndarray = -0.5 * (
        _distance(x, mean, covariance) + np.log(np.linalg.det(covariance)) + 2 * np.log(2 * np.pi)
    )
    return found


def _normal_parameters(
    names: tuple[str, str], mean: np.ndarray, covariance: np.ndarray, count: float
) -> Parameters:
    found: Parameters = []
    stds = np.sqrt(np.diag(covariance))
    for name, m, s in zip(names, mean.tolist(), stds.tolist(), strict=True):
        found.append(_interval(f"mean of {name}", m, s / count**0.5))
        error = s / (2 * count) ** 0.5
        factor = float(np.exp(LEVEL * error / s))
        found.append(
            _interval(f"standard deviation of {name}", s, error) | {"low": s / factor, "high": s * factor}
        )
    r = float(covariance[0, 1] / stds.prod())
    ends = np.tanh(np.arctanh(r) + LEVEL / max(count - 3, 1) ** 0.5 * np.array([-1, 1]))  # Fisher's z
    return [
        *found,
        _interval("correlation", r, (1 - r * r) / count**0.5)
        | {"low": float(ends[0]), "high": float(ends[1])},
    ]


def _interval(name: str, value: float, error: float) -> dict[str, float | str | None]:
    return {
        "name": name,
        "value": value,
        "standard_error": error,
        "low": value - LEVEL * error,
        "high": value + LEVEL * error,
    }


def _normal_tree(names: tuple[str, str], mean: np.ndarray, covariance: np.ndarray) -> Expression:
    precision = np.linalg.inv(covariance)
    u, v = (Variable(name) - number(float(m)) for name, m in zip(names, mean, strict=True))
    form = (
        mul(number(-0.5 * float(precision[0, 0])), u**2)
        + mul(number(-float(precision[0, 1])), u, v)
        + mul(number(-0.5 * float(precision[1, 1])), v**2)
    )
    return mul(number(1 / (2 * np.pi * float(np.linalg.det(covariance)) ** 0.5)), call("exp", form))


def _independent(
    one: Recognised, other: Recognised, x: np.ndarray, w: np.ndarray, held: np.ndarray
) -> tuple[Recognised, str | None]:
    """The product of two laws; the rows that they were fitted to tell whether more is to be said of both."""

    def log_density(rows: np.ndarray) -> np.ndarray:
        found: np.ndarray = one.log_density(rows[:, :1]) + other.log_density(rows[:, 1:])
        return found

    ahead = held - log_density(x)
    behind = float(w @ ahead) / float(w.sum())
    error = float((w / w.sum()) ** 2 @ (ahead - behind) ** 2) ** 0.5
    p_value = min(one.p_value, other.p_value, _independence(x, w))
    why = None
    if not behind <= DOUBT * error + SLACK:
        why = f"rows left out are less likely under it, by {behind:.3g} in the mean logarithm"
    elif p_value < LEAST_P:
        why = f"the columns depend on each other, with a p-value of {p_value:.2g}"
    law = Recognised(
        name=f"{one.name} and {other.name}, independent",
        parameters=[
            {**entry, "name": f"{entry['name']} of {variables(law.tree)[0]}"}
            if variables(law.tree)
            else entry
            for law in (one, other)
            for entry in law.parameters
        ],
        tree=one.tree * other.tree,
        log_density=log_density,
        bic=one.bic + other.bic,
        p_value=p_value,
        support=[one.support[0], other.support[0]],
        behind=behind,
    )
    return law, why


def _independence(x: np.ndarray, w: np.ndarray) -> float:
    """P-value of Spearman's rank correlation, and of that of the distances from the medians."""
    ranks = np.argsort(np.argsort(x, axis=0), axis=0) / len(x) - 0.5
    count = float(w.sum() ** 2 / np.square(w).sum())
    smallest = 1.0
    for values in (ranks, np.abs(ranks)):
        r = float(np.corrcoef(values.T)[0, 1])
        smallest = min(smallest, float(special.erfc(abs(r) * (count / 2) ** 0.5)))
    return min(1.0, 2 * smallest)
