"""Small predictors with random networks, for tests that need one but no training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kan_engine import Predictor


def some_columns(rows: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """Two numbers, a boolean and a category, some of them missing."""
    generator = np.random.default_rng(seed)
    columns = {
        "x": generator.normal(size=rows),
        "n": generator.integers(0, 50, rows).astype(float),
        "b": generator.integers(0, 2, rows).astype(bool).astype(object),
        "c": np.array(["red", "green", "blue"], dtype=object)[generator.integers(0, 3, rows)],
    }
    columns["n"][3], columns["c"][5] = np.nan, None
    return columns


TYPES = {"x": "number", "n": "integer", "b": "boolean", "c": "category"}


def make_predictor(
    *,
    classes: tuple[bool | int | float | str, ...] | None = None,
    outputs: int = 1,
    transform: str = "identity",
    hidden: tuple[int, ...] = (3,),
    direct: bool = False,
    quantile: bool = False,
    seed: int = 0,
) -> Predictor:
    """A predictor on ``some_columns`` with random weights and 99 residuals 0.01, 0.02, …, 0.99."""
    import torch

    from kan_engine import KAN, Encoding, KANConfig, Predictor, Standardizer, TargetScaler
    from kan_engine.network.kan import initialise_

    encoding = Encoding.fit(some_columns(), TYPES)
    x = encoding.transform(some_columns())
    if classes is not None:
        outputs = 1 if len(classes) == 2 else len(classes)
    network = KAN(KANConfig(width=(x.shape[1], *hidden, outputs), grid_size=4, direct=direct))
    initialise_(network, torch.Generator().manual_seed(seed))
    scaler = TargetScaler(transform, np.full(outputs, 2.0), np.full(outputs, 0.5))
    return Predictor(
        encoding=encoding,
        inputs=Standardizer.fit(x, quantile=quantile),
        network=network,
        outputs=scaler if classes is None else None,
        classes=classes,
        target="y",
        residuals=np.arange(99, 0, -1) / 100,
    )
