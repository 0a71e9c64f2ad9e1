"""The split of every table, the same for all that are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.subjects import baselines

FRACTION, SEED = 0.25, 0


def mark_held_out(rows: int) -> np.ndarray:
    """Whether each row is held out."""
    is_held = np.zeros(rows, dtype=bool)
    is_held[baselines.held_out(rows, fraction=FRACTION, seed=SEED)] = True
    return is_held


def read_parts(path: Path, target: str) -> baselines.Split:
    """Inputs and target of the training rows and of the hold-out rows."""
    return baselines.split(pl.read_csv(path), target, fraction=FRACTION, seed=SEED)
