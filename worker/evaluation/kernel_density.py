"""A Gaussian kernel density estimate of the same rows: the baseline of a density network."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import Float
from scipy import special
from scipy.spatial.distance import cdist

from kan_engine.density.weighted_values import effective_sample_size
from worker.data.density_rows import DensityRows, mean_or_none
from worker.evaluation.thresholds import DEFAULT_KERNEL, KernelThresholds
from worker.results.records import FittedBaseline


def fit_kernel_baseline(
    rows: DensityRows, seed: int, thresholds: KernelThresholds = DEFAULT_KERNEL
) -> dict[str, FittedBaseline]:
    """Fit the kernel estimate and measure it like the other baselines.

    The metric is the mean log-likelihood of the hold-out rows. The bandwidth is the multiple of Scott's rule
    (D. W. Scott, "Multivariate Density Estimation", 1992) with the highest leave-one-out likelihood; the
    kernel has the shape of the covariance. The bandwidth is the only parameter.
    """
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    sample = rng.permutation(len(rows.training))[: thresholds.max_rows]
    test = rows.test[rng.permutation(len(rows.test))[: thresholds.max_rows]]
    kernel = KernelDensity.fit(rows.training[sample], rows.weights[sample], thresholds)
    seconds = time.perf_counter() - start
    metrics = {"mean_log_likelihood": mean_or_none(kernel.log_density(test))}
    return {"kernel": FittedBaseline(metrics=metrics, seconds=round(seconds, 3), parameters=1)}


class KernelDensity:
    """A Gaussian kernel density estimate: the weighted mean of normal densities around rows.

    Args:
        centers: Rows [n, d], scaled so that the kernel is the standard normal density.
        weights: Weights of the rows [n], with the sum 1.
        root: Matrix [d, d] that scales rows so.
        block_distances: Distances computed at a time.
    """

    def __init__(
        self,
        centers: Float[np.ndarray, "rows columns"],
        weights: Float[np.ndarray, " rows"],
        root: Float[np.ndarray, "columns columns"],
        block_distances: int,
    ) -> None:
        self._whitened, self._log_weights, self._root = centers, np.log(weights), root
        self._block_distances = block_distances

    @staticmethod
    def fit(
        x: Float[np.ndarray, "rows columns"],
        weights: Float[np.ndarray, " rows"],
        thresholds: KernelThresholds = DEFAULT_KERNEL,
    ) -> KernelDensity:
        """Fit the estimate with the bandwidth of the highest leave-one-out likelihood."""
        w = weights / weights.sum()
        # The kernel has the shape of the covariance; a tiny ridge keeps it positive definite
        covariance = np.atleast_2d(np.cov(x.T, aweights=w))
        covariance = covariance + 1e-12 * np.trace(covariance) * np.eye(len(covariance))
        # Whitening: rows times this matrix have the identity as covariance
        root = np.linalg.inv(np.linalg.cholesky(covariance)).T
        # Scott's rule n^(-1/(d + 4)) with the effective number of weighted rows
        scott = effective_sample_size(w) ** (-1 / (x.shape[1] + 4))
        # Leave-one-out costs the square of the number of rows, so a part of them chooses the bandwidth
        sample = slice(0, thresholds.max_bandwidth_rows)
        points, point_weights = x[sample] @ root, w[sample] / w[sample].sum()
        shrink = (len(points) / len(x)) ** (-1 / (x.shape[1] + 4))  # fewer rows need a wider kernel
        best = max(
            thresholds.bandwidth_factors,
            key=lambda factor: _leave_one_out_likelihood(
                points / (factor * scott * shrink), point_weights, factor * scott
            ),
        )
        kernel_root = root / (best * scott)
        return KernelDensity(x @ kernel_root, w, kernel_root, thresholds.block_distances)

    def log_density(self, x: Float[np.ndarray, "points columns"]) -> Float[np.ndarray, " points"]:
        """Return the logarithm of the estimate at rows [n]."""
        log_densities = np.empty(len(x))
        at_once = max(1, self._block_distances // len(self._whitened))
        # Normalising constant of a normal density, with the Jacobian determinant of the whitening
        constant = np.log(abs(np.linalg.det(self._root))) - 0.5 * x.shape[1] * np.log(2 * np.pi)
        for start in range(0, len(x), at_once):
            part = x[start : start + at_once] @ self._root
            # Logarithms throughout: far from all rows every single kernel underflows
            logs = -0.5 * cdist(part, self._whitened, "sqeuclidean") + self._log_weights
            log_densities[start : start + at_once] = special.logsumexp(logs, axis=1) + constant
        return log_densities


def _leave_one_out_likelihood(
    x: Float[np.ndarray, "rows columns"], w: Float[np.ndarray, " rows"], width: float
) -> float:
    """Return the weighted mean log-density of each row under the kernels of all others, up to a constant."""
    logs = -0.5 * cdist(x, x, "sqeuclidean") + np.log(w)
    # Without its own kernel, the weights of the others sum to 1 - w
    np.fill_diagonal(logs, -np.inf)
    log_densities = special.logsumexp(logs, axis=1) - np.log1p(-w)
    return float(w @ log_densities - x.shape[1] * np.log(width))
