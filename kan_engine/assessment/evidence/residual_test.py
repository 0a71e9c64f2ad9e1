"""Test whether the residuals of a formula depend on the columns, and compute the power of that test.

The null hypothesis is mean independence: E[r | x] = 0. The noise may have heavy tails and a variance that
depends on x. There are two kinds of statistics. Projections of the clipped residuals s on functions of the
ranks of the columns, t = φ·s / sqrt(φ²·s²), are squared, summed and compared with the chi-squared
distribution (smooth tests: Neyman, Skandinavisk Aktuarietidskrift 20, 1937). Sums of s_i s_j over
neighbouring rows detect faster oscillations (difference estimates of the noise: Rice, Annals of Statistics
12, 1984; for several columns the Gamma test). There are four families of statistics: functions of one
column, products of functions of two columns, neighbours by one or two columns, all columns together. Each
family is scaled by its own distribution, and the test statistic is the largest. Its distribution under the
null hypothesis is computed from residuals with random signs (wild bootstrap: Liu, Annals of Statistics 16,
1988).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import KDTree
from scipy.special import chdtrc, ndtr
from scipy.stats import rankdata

from kan_engine.assessment.thresholds import (
    DEFAULT_ASSESSMENT,
    AssessmentThresholds,
    ResidualTestThresholds,
)

Array = NDArray[np.float64]
Kernel: TypeAlias = Array | sparse.csr_array

TINY = 1e-300


@dataclass(frozen=True, kw_only=True)
class ResidualTest:
    """The p-value of the test, and its power.

    Attributes:
        p_value: For the null hypothesis that the mean of the residuals does not depend on the columns.
        power: Share of planted signals of the given size for which the same test rejects at
            ``significance_level``. The signals are smooth curves, sines of at most two periods, steps,
            products and sines of two columns. For faster oscillations the power is lower.
        rows: Number of rows tested.
    """

    p_value: float
    power: float
    rows: int


def examine_residuals(
    residuals: Float[Array, " rows"],
    x: Float[Array, "rows columns"],
    weights: Float[Array, " rows"] | None = None,
    *,
    tangents: Float[Array, "rows constants"] | None = None,
    size: float = 0.25,
    seed: int = 0,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
    min_degrees_of_freedom: int = 10,
    bootstrap_draws: int = 300,
) -> ResidualTest:
    """Test whether the mean of the residuals depends on the columns.

    The result is invariant under scaling of the residuals, increasing transforms of columns, and the order
    of the rows.

    Args:
        residuals: Target minus formula [n]. If one is not finite, p = 0.
        x: Encoded columns [n, d], also those that the formula does not use.
        weights: Weights of the rows [n]; rows of weight 0 are ignored.
        tangents: Derivatives [n, p] of the formula by the constants that were fitted on these rows. The fit
            has removed their span from the residuals. Without them the test rejects too rarely unless p is
            small compared with n.
        size: Variance of the planted signals over that of the clipped residuals. With 0.25 the standard
            deviation of a signal is half that of the noise.
        seed: Seed of the samples, signs and signals.
        thresholds: Decision numbers.
        min_degrees_of_freedom: Rows beyond the fitted constants; with fewer, random signs hardly reach the
            level.
        bootstrap_draws: Under the null hypothesis.
    """
    limits = thresholds.residual_test
    weights = np.ones(len(residuals)) if weights is None else weights
    rows = np.flatnonzero(weights > 0)
    if not np.isfinite(residuals[rows]).all():
        return ResidualTest(p_value=0.0, power=1.0, rows=len(rows))
    generator = np.random.default_rng(seed)
    rows = rows[np.lexsort((residuals[rows], *x[rows].T))]  # an order that depends only on the values
    if len(rows) > limits.max_rows:
        rows = np.sort(generator.choice(rows, limits.max_rows, replace=False))
        rows = rows[np.lexsort((residuals[rows], *x[rows].T))]
    # Residuals times the roots of the weights have equal variances; the fit made them orthogonal to tangents
    roots = np.sqrt(weights[rows] / weights[rows].mean())
    basis = _tangent_basis(roots, None if tangents is None else tangents[rows])
    clipped_residuals = _project(_clip(roots * residuals[rows], roots, limits.clip_deviations), basis)
    spread = float(np.sqrt(np.mean(clipped_residuals**2)))
    ranks = _column_ranks(x[rows])
    if len(rows) - basis.shape[1] < min_degrees_of_freedom:
        return ResidualTest(p_value=1.0, power=0.0, rows=len(rows))
    if spread == 0 or not ranks.shape[1]:  # no residuals, or no column that varies
        return ResidualTest(p_value=1.0, power=1.0, rows=len(rows))
    planted_count = limits.power_draws
    # Draws under the null hypothesis: random signs keep the variance of every row (wild bootstrap)
    null_draws = generator.choice((-1.0, 1.0), (len(rows), bootstrap_draws)) * clipped_residuals[:, None]
    # Draws with a signal: the same residuals in random order, so that only the planted signal depends on x
    signals = np.stack([_draw_signal(ranks, kind, generator) for kind in range(planted_count)], 1)
    signals = _scale(_project(roots[:, None] * signals, basis), np.sqrt(size) * spread)
    noise = generator.permuted(np.repeat(clipped_residuals[:, None], planted_count, 1), axis=0)
    signal_draws = _project(_clip(noise + signals, roots[:, None], limits.clip_deviations), basis)
    # All draws have the variance of the observed residuals, since statistics depend on it
    s = (
        np.column_stack([_scale(_project(null_draws, basis), spread), clipped_residuals, signal_draws])
        / spread
    )
    families = np.stack(list(_family_statistics(_Draws(s, bootstrap_draws), ranks, roots, generator, limits)))
    # Families have different numbers of statistics: each is put on the scale of its own null distribution
    middle, high = np.quantile(families[:, :bootstrap_draws], (0.5, 0.95), axis=1)
    largest = ((families - middle[:, None]) / (high - middle + TINY)[:, None]).max(0)
    # The observed draw counts as one of the null hypothesis, so that p is never 0
    p_values = (1 + (largest[:bootstrap_draws, None] >= largest[bootstrap_draws:]).sum(0)) / (
        1 + bootstrap_draws
    )
    power = float(np.mean(p_values[1:] <= thresholds.significance_level))
    return ResidualTest(p_value=float(p_values[0]), power=power, rows=len(rows))


def _tangent_basis(
    roots: Float[Array, " rows"], tangents: Float[Array, "rows constants"] | None
) -> Float[Array, "rows rank"]:
    """Return orthonormal columns [n, rank] that span the weighted tangents and the constant."""
    spanning = (
        np.ones((len(roots), 1)) if tangents is None else np.column_stack([np.ones(len(roots)), tangents])
    )
    spanning = roots[:, None] * np.nan_to_num(spanning)
    spanning = spanning / (np.sqrt((spanning**2).sum(0)) + TINY)
    # Columns of equal length, so that the rank does not depend on the units of constants
    singular_vectors, values, _ = np.linalg.svd(spanning, full_matrices=False)
    return singular_vectors[:, values > 1e-9 * values[0]]


def _project(
    draws: Float[Array, " rows *draws"], basis: Float[Array, "rows rank"]
) -> Float[Array, " rows *draws"]:
    return draws - basis @ (basis.T @ draws)


def _scale(draws: Float[Array, "rows draws"], spread: float) -> Float[Array, "rows draws"]:
    return np.asarray(draws * (spread / (np.sqrt(np.mean(draws**2, axis=0)) + TINY)))


def _clip(
    residuals: Float[Array, " rows *draws"], roots: Float[Array, " rows *one"], deviations: float
) -> Float[Array, " rows *draws"]:
    """Clip residuals at so many robust standard deviations from their median, by column."""
    plain = residuals / roots
    middle = np.median(plain, axis=0)
    spread = 1.4826 * np.median(np.abs(plain - middle), axis=0)
    spread = np.where(spread > 0, spread, np.std(plain, axis=0))
    return roots * np.clip(plain, middle - deviations * spread, middle + deviations * spread)


def _column_ranks(x: Float[Array, "rows columns"]) -> Float[Array, "rows varying"]:
    """Return the ranks of all columns that vary, scaled to (0, 1)."""
    varying = x[:, np.ptp(x, axis=0) > 0]
    return np.asarray((rankdata(varying, axis=0) - 0.5) / len(x))


def _draw_signal(
    ranks: Float[Array, "rows columns"], kind: int, generator: np.random.Generator
) -> Float[Array, " rows"]:
    """Draw a function of one or two columns [n], of a kind that formulas often miss."""
    count = ranks.shape[1]
    u = ranks[:, generator.integers(count)]
    column, partner = generator.permutation(count)[:2] if count > 1 else (0, 0)
    v, w = ranks[:, column], ranks[:, partner]
    phase, periods = generator.uniform(0, 2 * np.pi), generator.uniform(1, 2)
    match kind % (5 if count > 1 else 3):
        case 0:
            return np.asarray(np.exp(generator.normal(0, 2) * u) + generator.normal() * (u - 0.5) ** 2)
        case 1:
            return np.asarray(np.sin(2 * np.pi * periods * u + phase))
        case 2:
            return np.asarray(np.where(u > generator.uniform(0.15, 0.85), 1.0, 0.0))
        case 3:
            return np.asarray((v - 0.5) * (w - 0.5))
        case _:
            return np.asarray(np.sin(2 * np.pi * periods / 2 * (v - w) + phase))


@dataclass(frozen=True)
class _Draws:
    """Clipped residuals s [n, draws].

    Attributes:
        flips: Number of draws with random signs, which come first; then the observed residuals, and those
            with a planted signal.
    """

    s: Array
    flips: int

    def multiply_squares(self, matrix: Kernel) -> Float[Array, "products draws"]:
        """Multiply a matrix by s². Random signs do not change s²; the observed column is used for them."""
        # One product for all random signs, which are most of the draws
        products = matrix @ self.s[:, self.flips :] ** 2
        return np.column_stack([np.repeat(products[:, :1], self.flips, axis=1), products])


def _family_statistics(
    draws: _Draws,
    ranks: Float[Array, "rows columns"],
    roots: Float[Array, " rows"],
    generator: np.random.Generator,
    limits: ResidualTestThresholds,
    *,
    max_paired_columns: int = 12,
    product_counts: tuple[int, ...] = (1, 2, 3),
    pair_neighbour_counts: tuple[int, ...] = (3,),
) -> Iterator[Float[Array, " draws"]]:
    """Yield the largest statistic of every family, by draw: minus the logarithm of an approximate p-value.

    Args:
        max_paired_columns: Columns whose pairs are tested: a sample if there are more.
        product_counts: Numbers of cosines of each of two columns whose products are in a sum.
        pair_neighbour_counts: Neighbours of every row by two columns.
    """
    count = ranks.shape[1]
    cosines = np.cos(
        np.pi * ranks[:, :, None] * np.arange(1, max(limits.cosine_counts) + 1)
    )  # [n, d, orders]
    yield _largest_statistic(
        _cosine_statistics(draws, cosines[:, place], roots, limits.cosine_counts) for place in range(count)
    )
    pairs = list(combinations(sorted(generator.permutation(count)[:max_paired_columns]), 2))
    if pairs:
        yield _largest_statistic(
            _product_statistics(draws, cosines[:, column], cosines[:, partner], roots, product_counts)
            for column, partner in pairs
        )
    near = [
        _neighbour_statistics(draws, ranks[:, [place]], limits.neighbour_counts) for place in range(count)
    ]
    yield _largest_statistic(
        [
            *near,
            *(
                _neighbour_statistics(draws, ranks[:, pair], pair_neighbour_counts)
                for pair in map(list, pairs)
            ),
        ]
    )
    if count > 1:
        yield _largest_statistic([_joint_statistics(draws, ranks, limits)])


def _largest_statistic(
    statistics: Iterator[Float[Array, "_ draws"]] | list[Float[Array, "_ draws"]],
) -> Float[Array, " draws"]:
    return np.asarray(reduce(np.maximum, (part.max(0) for part in statistics)))


def _projection_squares(
    draws: _Draws, features: Float[Array, "rows features"], roots: Float[Array, " rows"]
) -> Float[Array, "features draws"]:
    """Return t² of every feature and draw [features, draws]; 0 for a constant feature."""
    # Centred in the weighted mean, as the residuals are orthogonal to the constant
    features = roots[:, None] * (features - np.average(features, axis=0, weights=roots**2))
    norms, s = draws.multiply_squares((features**2).T), draws.s
    return np.where(norms > 1e-12 * len(s), (features.T @ s) ** 2 / (norms + TINY), 0.0)


def _cosine_statistics(
    draws: _Draws,
    cosines: Float[Array, "rows cosines"],
    roots: Float[Array, " rows"],
    orders: tuple[int, ...],
) -> Float[Array, "sums draws"]:
    """Compute the statistics of the first cosines of one column [orders, draws]."""
    # Neyman's smooth test for every number of cosines: sums of squares of independent normal variables
    sums = np.cumsum(_projection_squares(draws, cosines, roots), axis=0)
    return np.stack([_negative_log_p(order, sums[order - 1]) for order in orders])


def _product_statistics(
    draws: _Draws,
    cosines: Float[Array, "rows cosines"],
    partner_cosines: Float[Array, "rows cosines"],
    roots: Float[Array, " rows"],
    orders: tuple[int, ...],
) -> Float[Array, "sums draws"]:
    """Compute the statistics of products of the first cosines of two columns [orders, draws]."""
    max_order = max(orders)
    # Tensor products of the cosines of two columns: they see signals that vanish in the mean over either
    products = (cosines[:, :max_order, None] * partner_cosines[:, None, :max_order]).reshape(len(cosines), -1)
    squares = _projection_squares(draws, products, roots).reshape(max_order, max_order, -1)
    return np.stack([_negative_log_p(order**2, squares[:order, :order].sum((0, 1))) for order in orders])


def _neighbour_statistics(
    draws: _Draws, ranks: Float[Array, "rows columns"], counts: tuple[int, ...]
) -> Float[Array, "sums draws"]:
    """Compute the statistics of nearest neighbours by these columns [counts, draws]."""
    _, places = KDTree(ranks).query(ranks, max(counts) + 1)
    return np.stack([_graph_statistic(draws, places[:, 1 : 1 + count]) for count in counts])


def _graph_statistic(
    draws: _Draws, places: Int[NDArray[np.int64], "rows neighbours"]
) -> Float[Array, " draws"]:
    rows = np.repeat(np.arange(len(places)), places.shape[1])
    shape = (len(places), len(places))
    near = sparse.csr_array((np.ones(len(rows)), (rows, places.ravel())), shape=shape)
    # A symmetric graph, in which two mutual neighbours count twice
    near = near + near.T
    near.setdiag(0)
    return _quadratic_statistic(draws, near, near.power(2))


def _joint_statistics(
    draws: _Draws,
    ranks: Float[Array, "rows columns"],
    limits: ResidualTestThresholds,
    *,
    kernel_widths: tuple[float, ...] = (0.5, 1.0),
) -> Float[Array, "sums draws"]:
    """Compute the statistics of all columns together: Gaussian kernels and nearest neighbours.

    Args:
        kernel_widths: Of the Gaussian kernel of all columns, over the median distance of rows.
    """
    # A kernel over all columns detects signals in more than two, its width relative to the median distance
    distances = ((ranks[:, None] - ranks) ** 2).sum(-1)
    middle = np.median(distances)
    kernels = [_center(np.exp(-distances / (2 * width**2 * middle))) for width in kernel_widths]
    return np.stack(
        [
            *(_quadratic_statistic(draws, kernel, kernel**2) for kernel in kernels),
            *_neighbour_statistics(draws, ranks, limits.neighbour_counts),
        ]
    )


def _center(kernel: Float[Array, "rows rows"]) -> Float[Array, "rows rows"]:
    """Subtract the row and column means of a kernel, and set its diagonal to 0."""
    means = kernel.mean(0)
    kernel = kernel - means - means[:, None] + means.mean()
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _quadratic_statistic(draws: _Draws, kernel: Kernel, kernel_squares: Kernel) -> Float[Array, " draws"]:
    """Compute s'Ks over its standard deviation under random signs, as minus the logarithm of a p-value."""
    s = draws.s
    # Under random signs s'Ks has the mean 0 and the variance 2 Σ K² s_i² s_j², as the diagonal is 0
    values = (s * (kernel @ s)).sum(0)
    spread = np.sqrt(2 * (s**2 * draws.multiply_squares(kernel_squares)).sum(0))
    return np.asarray(-np.log(np.maximum(ndtr(-values / (spread + TINY)), TINY)))


def _negative_log_p(degrees: int, sums: Float[Array, " draws"]) -> Float[Array, " draws"]:
    return np.asarray(-np.log(np.maximum(chdtrc(degrees, sums), TINY)))
