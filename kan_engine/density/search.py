"""The density of one or two columns, and the law that it follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from kan_engine.density.estimation import (
    Density,
    DensityConfig,
    fit_bivariate_density,
    fit_univariate_density,
)
from kan_engine.density.law_recognition import (
    RecognitionResult,
    recognise_bivariate_laws,
    recognise_univariate_laws,
)
from kan_engine.density.thresholds import DEFAULT_DENSITY, DensityThresholds
from kan_engine.errors import InvalidData

ShouldStop = Callable[[], bool]


def check_density_rows(
    x: Float[np.ndarray, "rows columns"],
    names: Sequence[str],
    thresholds: DensityThresholds = DEFAULT_DENSITY,
    *,
    max_correlation: float = 1 - 1e-12,
) -> None:
    """Refuse rows that have no density.

    Args:
        max_correlation: Absolute, beyond which two columns count as collinear.

    Raises:
        InvalidData: There are too few rows, a column is constant, or two columns are collinear.
    """
    if len(x) < thresholds.min_rows:
        raise InvalidData(
            f"{len(x)} training rows are left, but a density needs at least {thresholds.min_rows}; "
            "upload more rows"
        )
    for name, values in zip(names, x.T, strict=True):
        if not values.min() < values.max():
            raise InvalidData(f"column {name!r} is constant over the training rows", column=name)
    if len(names) > 1 and abs(np.corrcoef(x.T)[0, 1]) > max_correlation:
        raise InvalidData(
            f"columns {names[0]!r} and {names[1]!r} are collinear and have no joint density; "
            "leave one of them out",
            column=names[1],
        )


def fit_densities(
    x: Float[np.ndarray, "rows columns"],
    weights: Float[np.ndarray, " rows"],
    config: DensityConfig,
    should_stop: ShouldStop = lambda: False,
) -> tuple[list[Density], Density]:
    """Fit the density of each column alone, and the joint density of one or two columns."""
    is_line = x.shape[1] == 1
    # The settings of the grid apply to the joint density; those of each column are chosen automatically
    alone = config if is_line else replace(config, grid_size=None, nodes=None)
    sides = [fit_univariate_density(column, weights, alone, should_stop) for column in x.T]
    if is_line:
        return sides, sides[0]
    return sides, fit_bivariate_density(x, weights, (sides[0], sides[1]), config, should_stop)


def recognise_laws(
    names: Sequence[str],
    x: Float[np.ndarray, "rows columns"],
    weights: Float[np.ndarray, " rows"],
    densities: tuple[list[Density], Density],
    *,
    seed: int,
    thresholds: DensityThresholds,
    should_stop: ShouldStop = lambda: False,
) -> RecognitionResult:
    """Recognise the laws that columns follow; ``densities`` are those of ``fit_densities``."""
    sides, joint = densities
    verdicts = [
        recognise_univariate_laws(
            name, column, weights, side.held, side.support[0], seed, should_stop, thresholds=thresholds
        )
        for name, column, side in zip(names, x.T, sides, strict=True)
    ]
    if len(verdicts) == 1:
        return verdicts[0]
    pair = verdicts[0], verdicts[1]
    return recognise_bivariate_laws(
        (names[0], names[1]), x, weights, joint.held, pair, seed, thresholds=thresholds
    )
