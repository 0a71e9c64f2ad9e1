"""A kernel density estimate of the same rows: the baseline of a density network."""

from __future__ import annotations

import time

import numpy as np

from kan_engine.density.kernel import KernelDensity
from service.schemas.model_document import FittedBaseline
from worker.data.density_rows import DensityRows, mean_or_none


def fit_kernel_baseline(rows: DensityRows, seed: int, *, max_rows: int = 20_000) -> dict[str, FittedBaseline]:
    """Fit the kernel estimate and measure it like the other baselines.

    The metric is the mean log-likelihood of the hold-out rows. The bandwidth is the only parameter. At most
    ``max_rows`` training rows, and hold-out rows, are drawn at random.
    """
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    # The time of the estimate grows with the product of both numbers of rows
    sample = rng.permutation(len(rows.training))[:max_rows]
    test = rows.test[rng.permutation(len(rows.test))[:max_rows]]
    kernel = KernelDensity.fit(rows.training[sample], rows.weights[sample])
    seconds = time.perf_counter() - start
    metrics = {"mean_log_likelihood": mean_or_none(kernel.log_density(test))}
    return {"kernel": FittedBaseline(metrics=metrics, seconds=round(seconds, 3), parameters=1)}
