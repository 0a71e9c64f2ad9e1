"""Densities of one or two columns: p(x) = exp(f(x)) / Z with f a KAN.

The predictor of a density is a regression predictor with a logarithmic target scale: the network returns
log p up to a constant, and the constant is the mean of the target scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.density.bivariate import select_bivariate_network
from kan_engine.density.bivariate_likelihood import log_normaliser as plane_normaliser
from kan_engine.density.bivariate_mesh import BivariateMesh
from kan_engine.density.support import possible_ends
from kan_engine.density.thresholds import DEFAULT_DENSITY, DensityThresholds
from kan_engine.density.univariate import (
    FoldSums,
    PenaltyChoice,
    UnivariateGrid,
    build_network,
    log_normaliser,
    maximise_likelihood,
    normal_coefficients,
    place_stretched_points,
    place_uniform_points,
    select_penalty,
)
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.inference.predictor import Predictor
from kan_engine.network.kan import KAN

Support = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Density:
    """A density of one or two columns.

    Args:
        network: The log-density up to a constant, on the unit scale.
        inputs: The unit scale.
        log_constant: Added to the output of the network, gives the log-density in the columns' units.
        support: Lowest and highest value of every column; infinite on an unbounded side. Outside it the
            density is 0.
        held: Log-density of every row under the density fitted without its fold; NaN for rows outside the
            sample used for cross-validation.
        lamb: λ of the roughness penalty, per row.
        steps: For two columns: mean log-likelihood on the unit scale after every training step.
    """

    network: KAN
    inputs: Standardizer
    log_constant: float
    support: Support
    held: Float[np.ndarray, " rows"]
    lamb: float | None = None
    steps: tuple[float, ...] = ()

    def to_predictor(self, encoding: Encoding, target: str) -> Predictor:
        """A predictor of the density at rows of the columns."""
        return Predictor(
            encoding=encoding,
            inputs=self.inputs,
            network=self.network,
            outputs=TargetScaler("log", np.array([self.log_constant]), np.ones(1)),
            classes=None,
            target=target,
            residuals=np.zeros(0),
            support=self.support,
        )


@dataclass(frozen=True, kw_only=True)
class DensityConfig:
    """Settings of a density estimate.

    Args:
        grid_size: Grid intervals G; None chooses them automatically.
        order: Order k of the splines, within the ``min_order`` and ``max_order`` of the thresholds.
        seed: Seed of the random division into folds.
        nodes: For two columns: hidden nodes. 0 makes the columns independent; None chooses automatically.
        thresholds: Decision numbers of the estimate.
    """

    grid_size: int | None = None
    order: int = 3
    seed: int = 0
    nodes: int | None = None
    thresholds: DensityThresholds = DEFAULT_DENSITY

    def __post_init__(self) -> None:
        """Refuse orders outside of the supported range."""
        low, high = self.thresholds.min_order, self.thresholds.max_order
        if not low <= self.order <= high:
            raise InvalidConfig(
                f"the order of a density's splines must be between {low} and {high}, got {self.order}"
            )


def fit_univariate_density(
    x: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    config: DensityConfig,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    max_search_rows: int = 50_000,
    min_zero_end_gain: float = 2.0,
) -> Density:
    """Estimate the density of one column.

    Cross-validation chooses the type of grid, the ends of the support and λ: it maximises the
    log-likelihood of rows left out.

    Args:
        x: Values of the column.
        weights: Weight of each row.
        config: Settings of the estimate.
        should_stop: Once true, no further grid is tried.
        max_search_rows: Size of the sample that chooses grid, ends and λ.
        min_zero_end_gain: In log-likelihood, of a support that ends at 0, where quantities often end.

    Raises:
        InvalidData: All values are equal.
    """
    if not len(x) or not x.min() < x.max():
        raise InvalidData("a density needs at least two different values")
    thresholds = config.thresholds
    inputs, w = Standardizer.fit(x[:, None]), weights / weights.mean()
    z = inputs.forward(x[:, None])[:, 0]
    # Random folds of equal size, and a sample of rows that is large enough to choose the grid
    rng = np.random.default_rng(config.seed)
    fold = rng.permutation(np.arange(len(x)) % thresholds.folds)
    sample = (
        rng.choice(len(x), max_search_rows, replace=False) if len(x) > max_search_rows else np.arange(len(x))
    )
    # Possible ends of the support on the unit scale; 0 is usual and needs a smaller gain
    outer = possible_ends(x)
    near = inputs.forward(np.array(outer)[:, None])[:, 0].tolist()
    ends = [
        SupportEnd(place, min_zero_end_gain if end == 0 else thresholds.min_end_gain)
        for place, end in zip(near, outer, strict=True)
    ]
    choice = _select_grid(z[sample], w[sample], fold[sample], (ends[0], ends[1]), config, should_stop)
    grid = choice.grid
    rows = FoldSums.from_rows(grid, z, w, fold, thresholds.folds)
    # Coefficients for all rows, and without each fold for its held-out rows
    c = maximise_likelihood(grid, *rows.sum_except(None), choice.lamb, _initial_coefficients(grid, z))
    fold_coefficients = [
        maximise_likelihood(grid, *rows.sum_except(part), choice.lamb, c) for part in range(thresholds.folds)
    ]
    # Change of variables: a density per unit of the column is smaller by the scale
    unit = float(np.log(inputs.scale[0]))
    low, high = grid.has_tails
    return Density(
        network=build_network(grid, c),
        inputs=inputs,
        log_constant=-log_normaliser(grid, c) - unit,
        support=((-np.inf if low else outer[0], np.inf if high else outer[1]),),
        held=_evaluate_held_out_rows(grid, fold_coefficients, z, fold) - unit,
        lamb=choice.lamb,
    )


@dataclass(frozen=True)
class SupportEnd:
    """A possible end of the support, and the gain in log-likelihood that it must bring."""

    place: float
    asked: float


def _select_grid(
    z: Float[np.ndarray, " rows"],
    w: Float[np.ndarray, " rows"],
    fold: Int[np.ndarray, " rows"],
    sides: tuple[SupportEnd, SupportEnd],
    config: DensityConfig,
    should_stop: Callable[[], bool],
    *,
    grid_size_rows: tuple[int, int] = (1_000, 10_000),
) -> PenaltyChoice:
    """Select grid and λ; bound a side of the support only if the log-likelihood gains enough.

    Args:
        grid_size_rows: Rows from which the second and the third grid size apply.
    """
    thresholds = config.thresholds
    size = config.grid_size or thresholds.grid_sizes[sum(len(z) >= n for n in grid_size_rows)]
    trials: list[tuple[float, PenaltyChoice]] = []
    # Both sides bounded or not, on a uniform and on a stretched grid
    for bounded_sides in product((False, True), repeat=2):
        ends = [
            side.place if is_bounded else None for side, is_bounded in zip(sides, bounded_sides, strict=True)
        ]
        min_gain = sum(
            side.asked for side, is_bounded in zip(sides, bounded_sides, strict=True) if is_bounded
        )
        uniform = partial(place_uniform_points, margin=thresholds.grid_margin)
        for place_points in (uniform, place_stretched_points):
            if trials and should_stop():
                break
            grid = UnivariateGrid(
                points=place_points(z, (ends[0], ends[1]), size),
                order=config.order,
                has_tails=(not bounded_sides[0], not bounded_sides[1]),
                thresholds=thresholds,
            )
            choice = select_penalty(
                grid, FoldSums.from_rows(grid, z, w, fold, thresholds.folds), _initial_coefficients(grid, z)
            )
            trials.append((choice.score - min_gain, choice))
    return max(trials, key=lambda entry: entry[0])[1]


def _initial_coefficients(grid: UnivariateGrid, z: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " basis"]:
    return normal_coefficients(grid, float(z.mean()), max(float(z.std()), 1e-3))


def fit_bivariate_density(
    x: Float[np.ndarray, "rows 2"],
    weights: Float[np.ndarray, " rows"],
    sides: tuple[Density, Density],
    config: DensityConfig,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    joint_folds: int = 4,
) -> Density:
    """Estimate the joint density of two columns.

    Cross-validation chooses λ: it maximises the log-likelihood of rows left out. Then the network
    is trained on all rows.

    Args:
        x: Values of the columns.
        weights: Weight of each row.
        sides: The density of each column alone; it determines the support and the grid.
        config: Settings of the estimate.
        should_stop: Once true, the best network so far is returned.
        joint_folds: Of the cross-validation of two columns.
    """
    inputs, w = Standardizer.fit(x), torch.from_numpy(weights / weights.mean())
    z = inputs.forward(x)
    thresholds = config.thresholds
    size = config.grid_size or thresholds.joint_grid_size
    # The support and the grid of each column follow from its own density
    ends = [_standardize_ends(side.support[0], inputs, place) for place, side in enumerate(sides)]
    points = [_place_column_points(z[:, place], ends[place], size, thresholds) for place in (0, 1)]
    frame = BivariateMesh(
        points=(points[0], points[1]),
        ends=(ends[0], ends[1]),
        means=(float(z[:, 0].mean()), float(z[:, 1].mean())),
        covariance=np.cov(z.T, aweights=weights),
        order=config.order,
        thresholds=thresholds,
    )
    sample = np.random.default_rng(config.seed).permutation(len(z))[: thresholds.max_joint_rows]
    selection = select_bivariate_network(
        frame=frame,
        rows=frame.locate_rows(torch.from_numpy(z[sample]), w[sample]),
        part=torch.arange(len(sample)) % joint_folds,
        nodes=thresholds.joint_nodes if config.nodes is None else config.nodes,
        should_stop=should_stop,
    )
    unit, log_densities = float(np.log(inputs.scale).sum()), np.full(len(z), np.nan)
    log_densities[sample] = selection.held.numpy() - unit
    return Density(
        network=selection.network,
        inputs=inputs,
        log_constant=-plane_normaliser(selection.network, frame.fine_rule) - unit,
        support=(sides[0].support[0], sides[1].support[0]),
        held=log_densities,
        lamb=selection.lamb,
        steps=tuple(selection.steps),
    )


def _place_column_points(
    z: Float[np.ndarray, " rows"],
    ends: tuple[float, float],
    size: int,
    thresholds: DensityThresholds,
    *,
    long_tail_ratio: float = 15.0,
) -> Float[np.ndarray, " points"]:
    """Grid points of one of two columns: uniform, where parabolas have no penalty, unless tails are long.

    Args:
        long_tail_ratio: Range of one of two columns over its interquartile range, above which its grid is
            stretched.
    """
    # A range of many interquartile ranges means long tails, for which uniform grids are too coarse
    lower, upper = np.quantile(z, [0.25, 0.75])
    is_long = float(np.ptp(z)) > long_tail_ratio * float(upper - lower)
    low, high = (end if np.isfinite(end) else None for end in ends)
    if is_long:
        return place_stretched_points(z, (low, high), size)
    return place_uniform_points(z, (low, high), size, thresholds.grid_margin)


def _standardize_ends(ends: tuple[float, float], inputs: Standardizer, place: int) -> tuple[float, float]:
    low, high = ((end - float(inputs.center[place])) / float(inputs.scale[place]) for end in ends)
    return low, high


def _evaluate_held_out_rows(
    grid: UnivariateGrid,
    fold_coefficients: list[Float[np.ndarray, " basis"]],
    z: Float[np.ndarray, " rows"],
    fold: Int[np.ndarray, " rows"],
) -> Float[np.ndarray, " rows"]:
    """Log-density of every row, fitted without its fold, on the unit scale."""
    log_densities = np.empty(len(z))
    for part, c in enumerate(fold_coefficients):
        mask = fold == part
        log_densities[mask] = _evaluate_spline(grid, c, z[mask]) - log_normaliser(grid, c)
    return log_densities


def _evaluate_spline(
    grid: UnivariateGrid, c: Float[np.ndarray, " basis"], z: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """f at these points, a block of rows at a time."""
    rows = grid.thresholds.block_rows
    blocks = [grid.basis(z[start : start + rows]) @ c for start in range(0, len(z), rows)]
    return np.concatenate(blocks) if blocks else np.zeros(0)
