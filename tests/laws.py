"""Samples of laws whose formula is known, for the search and for what reads formulas."""

from collections.abc import Callable

import numpy as np
import torch

from kan_engine.structure import Sample

Law = Callable[..., np.ndarray]


def sampled(
    law: Law, inputs: int, rows: int, *, seed: int = 0, low: float = 0.5, high: float = 2.0
) -> Sample:
    """Rows of ``law``, every input uniform between ``low`` and ``high``."""
    raw = np.random.default_rng(seed).uniform(low, high, (rows, inputs))
    middle, half = (low + high) / 2, (high - low) / 2
    return Sample(
        x=torch.from_numpy((raw - middle) / half),
        raw=torch.from_numpy(raw),
        y=torch.from_numpy(law(*raw.T))[:, None],
        weights=torch.ones(rows, dtype=torch.float64),
    )
