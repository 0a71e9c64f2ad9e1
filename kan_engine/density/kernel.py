"""A Gaussian kernel density estimate, to compare the density of a network with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import special
from scipy.spatial.distance import cdist

from kan_engine.density.weighted_values import effective_sample_size


class KernelDensity:
    """A Gaussian kernel density estimate: the weighted mean of normal densities around rows.

    Args:
        centers: Rows [n, d], scaled so that the kernel is the standard normal density.
        weights: Weights of the rows [n], with the sum 1.
        root: Matrix [d, d] that scales rows so.
    """

    def __init__(
        self,
        centers: Float[np.ndarray, "rows columns"],
        weights: Float[np.ndarray, " rows"],
        root: Float[np.ndarray, "columns columns"],
    ) -> None:
        self._whitened, self._log_weights, self._root = centers, np.log(weights), root

    @staticmethod
    def fit(
        x: Float[np.ndarray, "rows columns"],
        weights: Float[np.ndarray, " rows"],
        *,
        bandwidth_factors: tuple[float, ...] = (0.1, 0.15, 0.22, 0.33, 0.5, 0.7, 1.0, 1.4),
        max_bandwidth_rows: int = 2_000,
    ) -> KernelDensity:
        """Fit the estimate with the bandwidth of the highest leave-one-out likelihood.

        The bandwidth is a multiple of Scott's rule (D. W. Scott, "Multivariate Density Estimation", 1992);
        the kernel has the shape of the covariance.

        Args:
            x: Rows.
            weights: Their weights.
            bandwidth_factors: Multiples to choose from.
            max_bandwidth_rows: Rows that choose one, at a cost of the square of their number.
        """
        w = weights / weights.sum()
        # The kernel has the shape of the covariance; a tiny ridge keeps it positive definite
        covariance = np.atleast_2d(np.cov(x.T, aweights=w))
        covariance = covariance + 1e-12 * np.trace(covariance) * np.eye(len(covariance))
        # Whitening: rows times this matrix have the identity as covariance
        root = np.linalg.inv(np.linalg.cholesky(covariance)).T
        # Scott's rule n^(-1/(d + 4)) with the effective number of weighted rows
        scott = effective_sample_size(w) ** (-1 / (x.shape[1] + 4))
        # Leave-one-out costs the square of the number of rows, so a part of them chooses the bandwidth
        sample = slice(0, max_bandwidth_rows)
        points, point_weights = x[sample] @ root, w[sample] / w[sample].sum()
        shrink = (len(points) / len(x)) ** (-1 / (x.shape[1] + 4))  # fewer rows need a wider kernel
        best = max(
            bandwidth_factors,
            key=lambda factor: _leave_one_out_likelihood(
                points / (factor * scott * shrink), point_weights, factor * scott
            ),
        )
        kernel_root = root / (best * scott)
        return KernelDensity(x @ kernel_root, w, kernel_root)

    def log_density(
        self, x: Float[np.ndarray, "points columns"], *, block_distances: int = 4_000_000
    ) -> Float[np.ndarray, " points"]:
        """Return the logarithm of the estimate at rows [n]; ``block_distances`` are computed at a time."""
        log_densities = np.empty(len(x))
        at_once = max(1, block_distances // len(self._whitened))
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
