"""Recognition of closed-form laws: by likelihood, by cross-validation and by goodness of fit.

The Bayesian information criterion (Schwarz) ranks the laws. A law is accepted if it passes two tests on rows
that it was not fitted to. Their log-likelihood must not be significantly lower than under the KAN's density,
and their cumulative probabilities must be uniform (Kolmogorov-Smirnov test).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from kan_engine.density.distributions import candidate_families
from kan_engine.density.maximum_likelihood import (
    NORMAL_QUANTILE_95,
    FittedDistribution,
    Parameter,
    confidence_interval,
    confidence_intervals,
    fit_family,
)
from kan_engine.density.thresholds import DensityThresholds
from kan_engine.density.weighted_values import WeightedValues, effective_sample_size
from kan_engine.expressions.evaluation import Expression, Variable, call, mul, number, variables


@dataclass(frozen=True, eq=False)
class RecognisedLaw:
    """A closed-form law that is compatible with the rows.

    Attributes:
        name: Name of the law.
        parameters: Parameters with standard errors and 95 % confidence intervals.
        tree: Formula of the density in the client's columns.
        log_density: Log-density of rows [n, d].
        bic: Negative BIC, halved: log-likelihood minus its penalty; larger is better.
        p_value: p-value of the goodness of fit.
        support: Lowest and highest value per column; outside it the density is 0.
    """

    name: str
    parameters: list[Parameter]
    tree: Expression
    log_density: Callable[[np.ndarray], np.ndarray]
    bic: float
    p_value: float
    support: list[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class RecognitionResult:
    """Accepted laws, best first.

    Attributes:
        refused: Why the most likely law was rejected, as text; None if a law was accepted.
    """

    accepted: list[RecognisedLaw] = field(default_factory=list)
    refused: str | None = None


def recognise_univariate_laws(
    name: str,
    x: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    log_densities: Float[np.ndarray, " rows"],
    support: tuple[float, float],
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    thresholds: DensityThresholds,
    max_tied_bic_gap: float = 1.5,
    max_bic_gap: float = 10.0,
) -> RecognitionResult:
    """Recognise laws of one column.

    Args:
        name: Name of the column.
        x: Its values.
        weights: Weight of each row.
        log_densities: Log-density of each row under the KAN's density fitted without it.
        support: Support of the KAN's density.
        seed: Seed of the random order of the rows.
        should_stop: Once true, no further law is tried.
        thresholds: When a law is accepted.
        max_tied_bic_gap: In the halved BIC: within it the most usual law comes first.
        max_bic_gap: In the halved BIC: laws further behind the best are not tested.
    """
    sample = _sample_rows(len(x), seed)
    rows, log_densities = WeightedValues.from_weights(x[sample], weights[sample]), log_densities[sample]
    families = list(candidate_families(rows, support))
    attempts = (fit_family(law, rows) for law in families if not should_stop())
    fits = sorted(filter(None, attempts), key=lambda fit: -fit.bic(rows.count))
    part = np.arange(len(sample)) % thresholds.law_folds
    laws, rejection = [], None
    for fit in fits:
        if fits[0].bic(rows.count) - fit.bic(rows.count) > max_bic_gap:
            break
        law_densities, share = _cross_validate_law(fit, rows, part, thresholds)
        reason, p_value = _test_law(log_densities - law_densities, rows.w, share, thresholds)
        if reason is not None:
            rejection = rejection or f"the most likely law, {fit.law.name}, was rejected: {reason}"
            continue
        laws.append(_describe_law(name, fit, rows, p_value))
    ranked_laws = _prefer_usual_law(laws, [law.name for law in families], max_tied_bic_gap)
    return RecognitionResult(ranked_laws, None if laws else rejection)


def _prefer_usual_law(laws: list[RecognisedLaw], names: list[str], max_gap: float) -> list[RecognisedLaw]:
    """Move the most usual of the laws that are tied with the best to the front."""
    if not laws:
        return []
    equal = [law for law in laws if laws[0].bic - law.bic <= max_gap]
    usual_law = min(equal, key=lambda law: names.index(law.name))
    return [usual_law, *(law for law in laws if law is not usual_law)]


def _sample_rows(count: int, seed: int, *, max_law_rows: int = 100_000) -> Int[np.ndarray, " sample"]:
    """At most ``max_law_rows`` row numbers, in random order.

    Args:
        max_law_rows: Of more rows a sample is used.
    """
    return np.random.default_rng(seed).permutation(count)[:max_law_rows]


def _cross_validate_law(
    fit: FittedDistribution,
    rows: WeightedValues,
    part: Int[np.ndarray, " rows"],
    thresholds: DensityThresholds,
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Log-density and cumulative probability of every row under the law fitted without its fold."""
    law, density, share = fit.law, np.full(len(part), -np.inf), np.full(len(part), np.nan)
    # Each fold is evaluated under the law fitted to all others; ends of a support depend on all rows
    for fold in range(thresholds.law_folds):
        mask = part == fold
        fold_fit = fit if law.is_support else fit_family(law, rows.select_rows(~mask))
        if fold_fit is None:
            continue
        with np.errstate(all="ignore"):
            density[mask] = law.log_density(fold_fit.theta, rows.x[mask])
            share[mask] = law.cumulative(fold_fit.theta, rows.x[mask])
    return density, share


def _test_law(
    ahead: Float[np.ndarray, " rows"],
    w: Float[np.ndarray, " rows"],
    share: Float[np.ndarray, " rows"],
    thresholds: DensityThresholds,
) -> tuple[str | None, float]:
    """The reason to reject a law, or None, and the p-value of its fit.

    Args:
        ahead: Log-density of the KAN minus the law's, for every row left out.
        w: Weights of the rows.
        share: Cumulative probability of each row under the law.
        thresholds: When it is rejected.
    """
    reason, p_value = _compare_likelihoods(ahead, w), _kolmogorov_p_value(share, w)
    if reason is None and p_value < thresholds.min_p_value:
        reason = f"its goodness of fit has a p-value of {p_value:.2g}"
    return reason, p_value


def _compare_likelihoods(
    ahead: Float[np.ndarray, " rows"],
    w: Float[np.ndarray, " rows"],
    *,
    rejection_z: float = 2.326,
    log_likelihood_tolerance: float = 1e-3,
) -> str | None:
    """The reason to reject a law by the log-likelihood of rows left out, or None.

    Args:
        rejection_z: Standard errors by which the KAN's density may be better; rejects 1 % of true laws.
        log_likelihood_tolerance: Difference in the mean log-likelihood that is irrelevant in practice.
    """
    # Rows to which the KAN gives no density cannot compare the two
    mask = np.isfinite(ahead) | np.isposinf(ahead)
    weight = w[mask] / w[mask].sum()
    mean = float(weight @ ahead[mask])
    if not np.isfinite(mean):
        return "some rows have a density of 0 under it"
    # Standard error of the weighted mean difference
    error = float(weight**2 @ (ahead[mask] - mean) ** 2) ** 0.5
    if mean > rejection_z * error + log_likelihood_tolerance:
        return f"the mean log-likelihood of rows left out is lower by {mean:.3g} than under the KAN's density"
    return None


def _kolmogorov_p_value(share: Float[np.ndarray, " rows"], w: Float[np.ndarray, " rows"]) -> float:
    """p-value of the Kolmogorov-Smirnov test that shares are uniform from 0 to 1."""
    if not np.isfinite(share).all():
        return 0.0
    # Largest distance between the weighted empirical distribution and the diagonal, before and after each
    # step
    order = np.argsort(share)
    upper = np.cumsum(w[order]) / w.sum()
    lower = upper - w[order] / w.sum()
    distance = float(max((upper - share[order]).max(), (share[order] - lower).max()))
    # Correction of the asymptotic distribution for finite samples (Stephens 1970)
    count = effective_sample_size(w)
    return float(special.kolmogorov(distance * (count**0.5 + 0.12 + 0.11 / count**0.5)))


def _describe_law(name: str, fit: FittedDistribution, rows: WeightedValues, p_value: float) -> RecognisedLaw:
    law, theta = fit.law, fit.theta
    return RecognisedLaw(
        name=law.name,
        parameters=confidence_intervals(fit, rows),
        tree=law.tree(theta, Variable(name)),
        log_density=lambda x: law.log_density(theta, x[:, 0]),
        bic=fit.bic(rows.count),
        p_value=p_value,
        support=[law.support(theta)],
    )


def recognise_bivariate_laws(
    names: tuple[str, str],
    x: Float[np.ndarray, "rows 2"],
    weights: Float[np.ndarray, " rows"],
    log_densities: Float[np.ndarray, " rows"],
    sides: tuple[RecognitionResult, RecognitionResult],
    seed: int,
    *,
    thresholds: DensityThresholds,
) -> RecognitionResult:
    """Recognise laws of two columns: a bivariate normal distribution, or independent laws of each.

    Args:
        names: Names of the columns.
        x: Their values [n, 2].
        weights: Weight of each row.
        log_densities: Log-density of each row under the KAN's density fitted without it; NaN where unknown.
        sides: Laws of each column alone.
        seed: Seed of the random order of the rows.
        thresholds: When a law is accepted.
    """
    sample = _sample_rows(len(x), seed)
    sample = sample[~np.isnan(log_densities[sample])]
    points, w, ahead = x[sample], weights[sample], log_densities[sample]
    part = np.arange(len(sample)) % thresholds.law_folds
    trials = [_fit_bivariate_normal(names, points, w, ahead, part, thresholds)]
    if sides[0].accepted and sides[1].accepted:
        pair = sides[0].accepted[0], sides[1].accepted[0]
        trials.append(_combine_independent_laws(pair, points, w, ahead, thresholds))
    trials.sort(key=lambda entry: -entry[0].bic)
    laws = [law for law, reason in trials if reason is None]
    best, reason = trials[0]
    return RecognitionResult(
        laws, None if laws else f"the most likely law, {best.name}, was rejected: {reason}"
    )


def _fit_bivariate_normal(
    names: tuple[str, str],
    x: Float[np.ndarray, "rows 2"],
    w: Float[np.ndarray, " rows"],
    log_densities: Float[np.ndarray, " rows"],
    part: Int[np.ndarray, " rows"],
    thresholds: DensityThresholds,
) -> tuple[RecognisedLaw, str | None]:
    count, (mean, covariance) = effective_sample_size(w), _sample_moments(x, w)
    law_densities, share = np.empty(len(x)), np.empty(len(x))
    # Squared Mahalanobis distances of two columns are exponentially distributed with mean 2
    for fold in range(thresholds.law_folds):
        mask = part == fold
        moments = _sample_moments(x[~mask], w[~mask])
        law_densities[mask] = _log_normal_density(x[mask], *moments)
        share[mask] = -np.expm1(-0.5 * _mahalanobis_squared(x[mask], *moments))
    reason, p_value = _test_law(log_densities - law_densities, w, share, thresholds)
    # Log-likelihood of the effective sample; the BIC counts five parameters
    likelihood = float(w @ _log_normal_density(x, mean, covariance)) * count / w.sum()
    law = RecognisedLaw(
        name="bivariate normal",
        parameters=_normal_parameters(names, mean, covariance, count),
        tree=_normal_tree(names, mean, covariance),
        log_density=lambda rows: _log_normal_density(rows, mean, covariance),
        bic=likelihood - 2.5 * float(np.log(count)),
        p_value=p_value,
        support=[(-np.inf, np.inf)] * 2,
    )
    return law, reason


def _sample_moments(
    x: Float[np.ndarray, "rows 2"], w: Float[np.ndarray, " rows"]
) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, "2 2"]]:
    return np.average(x, axis=0, weights=w), np.cov(x.T, aweights=w, bias=True)


def _mahalanobis_squared(
    x: Float[np.ndarray, "rows 2"], mean: Float[np.ndarray, " 2"], covariance: Float[np.ndarray, "2 2"]
) -> Float[np.ndarray, " rows"]:
    """Squared Mahalanobis distance."""
    distances: np.ndarray = ((x - mean) * np.linalg.solve(covariance, (x - mean).T).T).sum(1)
    return distances


def _log_normal_density(
    x: Float[np.ndarray, "rows 2"], mean: Float[np.ndarray, " 2"], covariance: Float[np.ndarray, "2 2"]
) -> Float[np.ndarray, " rows"]:
    log_density: np.ndarray = -0.5 * (
        _mahalanobis_squared(x, mean, covariance) + np.log(np.linalg.det(covariance)) + 2 * np.log(2 * np.pi)
    )
    return log_density


def _normal_parameters(
    names: tuple[str, str], mean: Float[np.ndarray, " 2"], covariance: Float[np.ndarray, "2 2"], count: float
) -> list[Parameter]:
    parameters: list[Parameter] = []
    # Standard errors of the mean and the standard deviation of a normal sample
    stds = np.sqrt(np.diag(covariance))
    for name, m, s in zip(names, mean.tolist(), stds.tolist(), strict=True):
        parameters.append(confidence_interval(f"mean of {name}", m, s / count**0.5))
        error = s / (2 * count) ** 0.5
        parameters.append(confidence_interval(f"standard deviation of {name}", s, error, is_positive=True))
    r = float(covariance[0, 1] / stds.prod())
    # Fisher's z
    ends = np.tanh(np.arctanh(r) + NORMAL_QUANTILE_95 / max(count - 3, 1) ** 0.5 * np.array([-1, 1]))
    correlation = confidence_interval("correlation", r, (1 - r * r) / count**0.5)
    return [*parameters, correlation | {"low": float(ends[0]), "high": float(ends[1])}]


def _normal_tree(
    names: tuple[str, str], mean: Float[np.ndarray, " 2"], covariance: Float[np.ndarray, "2 2"]
) -> Expression:
    precision = np.linalg.inv(covariance)
    # Quadratic form of the precision matrix in the centred columns
    u, v = (Variable(name) - number(float(m)) for name, m in zip(names, mean, strict=True))
    form = (
        mul(number(-0.5 * float(precision[0, 0])), u**2)
        + mul(number(-float(precision[0, 1])), u, v)
        + mul(number(-0.5 * float(precision[1, 1])), v**2)
    )
    return mul(number(1 / (2 * np.pi * float(np.linalg.det(covariance)) ** 0.5)), call("exp", form))


def _combine_independent_laws(
    laws: tuple[RecognisedLaw, RecognisedLaw],
    x: Float[np.ndarray, "rows 2"],
    w: Float[np.ndarray, " rows"],
    log_densities: Float[np.ndarray, " rows"],
    thresholds: DensityThresholds,
) -> tuple[RecognisedLaw, str | None]:
    """The product of two laws, and the reason to reject it, or None; tested on the rows it was fitted to."""
    first_law, second_law = laws

    def log_density(rows: Float[np.ndarray, "rows 2"]) -> Float[np.ndarray, " rows"]:
        total: np.ndarray = first_law.log_density(rows[:, :1]) + second_law.log_density(rows[:, 1:])
        return total

    reason = _compare_likelihoods(log_densities - log_density(x), w)
    p_value = min(first_law.p_value, second_law.p_value, _independence_p_value(x, w))
    if reason is None and p_value < thresholds.min_p_value:
        reason = f"the columns depend on each other, with a p-value of {p_value:.2g}"
    law = RecognisedLaw(
        name=f"{first_law.name} and {second_law.name}, independent",
        parameters=[
            {**entry, "name": f"{entry['name']} of {variables(law.tree)[0]}"}
            if variables(law.tree)
            else entry
            for law in laws
            for entry in law.parameters
        ],
        tree=first_law.tree * second_law.tree,
        log_density=log_density,
        bic=first_law.bic + second_law.bic,
        p_value=p_value,
        support=[first_law.support[0], second_law.support[0]],
    )
    return law, reason


def _independence_p_value(x: Float[np.ndarray, "rows 2"], w: Float[np.ndarray, " rows"]) -> float:
    """Twice the smaller p-value of two Spearman correlations: of values, of distances from the medians."""
    # Correlations of ranks find monotonic dependence, those of distances from the median symmetric dependence
    ranks = np.argsort(np.argsort(x, axis=0), axis=0) / len(x) - 0.5
    count, smallest = effective_sample_size(w), 1.0
    for values in (ranks, np.abs(ranks)):
        r = float(np.corrcoef(values.T)[0, 1])
        smallest = min(smallest, float(special.erfc(abs(r) * (count / 2) ** 0.5)))
    return min(1.0, 2 * smallest)
