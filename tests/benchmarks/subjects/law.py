"""exp(sin x1 - x2²), on which sections compare training: a network [2,1,1] can represent it."""

from __future__ import annotations

import numpy as np

WIDTH = (2, 1, 1)
PYKAN_STEPS = 50  # of L-BFGS a grid


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """1,000 rows on [-1, 1]²."""
    x = np.random.default_rng(seed).uniform(-1, 1, (1000, 2))
    return x, np.exp(np.sin(x[:, :1]) - x[:, 1:] ** 2)
