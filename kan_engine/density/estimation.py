"""Densities of one or two columns: p(x) = exp(f(x)) / Z with f a KAN.

The predictor of a density is a regression predictor with a logarithmic target scale: the network returns
log p up to a constant, and the constant is the mean of the target scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from kan_engine.density.univariate import (
    BLOCK_ROWS,
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

UNIVARIATE_FOLDS, BIVARIATE_FOLDS = 5, 4
MAX_SEARCH_ROWS = 50_000  # size of the sample that chooses grid, ends and λ
MIN_ORDER, MAX_ORDER = 2, 5  # of the splines; tails continue along a slope
# Rows from which the second and third grid size apply
MEDIUM_GRID_MIN_ROWS, LARGE_GRID_MIN_ROWS = 1_000, 10_000
LONG_TAIL_RATIO = 15.0  # range of a column over its interquartile range
BIVARIATE_GRID_SIZE = 10  # grid intervals for each of two columns
BIVARIATE_HIDDEN_NODES = 4
MAX_BIVARIATE_ROWS = 40_000
UNIVARIATE_GRID_SIZES = 30, 50, 80  # grid intervals for few, more and many rows
MIN_END_GAIN = 5.0  # in log-likelihood, of a bounded side of the support over a tail
MIN_ZERO_END_GAIN = 2.0  # the same for an end at 0, where quantities often end

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
        order: Order k of the splines, 2 to 5.
        seed: Seed of the random division into folds.
        nodes: For two columns: hidden nodes. 0 makes the columns independent; None chooses automatically.
    """

    grid_size: int | None = None
    order: int = 3
    seed: int = 0
    nodes: int | None = None

    def __post_init__(self) -> None:
        """Refuse orders outside of the supported range."""
        if not MIN_ORDER <= self.order <= MAX_ORDER:
            raise InvalidConfig(
                f"the order of a density's splines must be between {MIN_ORDER} and {MAX_ORDER}, "
                f"got {self.order}"
            )


def fit_univariate_density(
    x: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    config: DensityConfig,
    should_stop: Callable[[], bool] = lambda: False,
) -> Density:
    """Estimate the density of one column.

    Five-fold cross-validation chooses the type of grid, the ends of the support and λ: it maximises the
    log-likelihood of rows left out.

    Args:
        x: Values of the column.
        weights: Weight of each row.
        config: Settings of the estimate.
        should_stop: Once true, no further grid is tried.

    Raises:
        InvalidData: All values are equal.
    """
    if not len(x) or not x.min() < x.max():
        raise InvalidData("a density needs at least two different values")
    inputs, w = Standardizer.fit(x[:, None]), weights / weights.mean()
    z = inputs.forward(x[:, None])[:, 0]
    rng = np.random.default_rng(config.seed)
    fold = rng.permutation(np.arange(len(x)) % UNIVARIATE_FOLDS)
    some = (
        rng.choice(len(x), MAX_SEARCH_ROWS, replace=False) if len(x) > MAX_SEARCH_ROWS else np.arange(len(x))
    )
    outer = possible_ends(x)
    near = inputs.forward(np.array(outer)[:, None])[:, 0].tolist()
    ends = [
        SupportEnd(place, MIN_ZERO_END_GAIN if end == 0 else MIN_END_GAIN)
        for place, end in zip(near, outer, strict=True)
    ]
    chosen = _select_grid(z[some], w[some], fold[some], (ends[0], ends[1]), config, should_stop)
    grid = chosen.grid
    rows = FoldSums.from_rows(grid, z, w, fold, UNIVARIATE_FOLDS)
    c = maximise_likelihood(grid, *rows.sum_except(None), chosen.lamb, _initial_coefficients(grid, z))
    fitted = [
        maximise_likelihood(grid, *rows.sum_except(part), chosen.lamb, c) for part in range(UNIVARIATE_FOLDS)
    ]
    unit = float(np.log(inputs.scale[0]))
    low, high = grid.has_tails
    return Density(
        network=build_network(grid, c),
        inputs=inputs,
        log_constant=-log_normaliser(grid, c) - unit,
        support=((-np.inf if low else outer[0], np.inf if high else outer[1]),),
        held=_evaluate_held_out_rows(grid, fitted, z, fold) - unit,
        lamb=chosen.lamb,
    )


@dataclass(frozen=True)
class SupportEnd:
    """A possible end of the support, and the gain in log-likelihood that it must bring."""

    place: float
    asked: float


def _select_grid(
    z: np.ndarray,
    w: np.ndarray,
    fold: Int[np.ndarray, " rows"],
    sides: tuple[SupportEnd, SupportEnd],
    config: DensityConfig,
    should_stop: Callable[[], bool],
) -> PenaltyChoice:
    """Select grid and λ; bound a side of the support only if the log-likelihood gains enough."""
    size = (
        config.grid_size
        or UNIVARIATE_GRID_SIZES[(len(z) >= MEDIUM_GRID_MIN_ROWS) + (len(z) >= LARGE_GRID_MIN_ROWS)]
    )
    tried: list[tuple[float, PenaltyChoice]] = []
    for taken in product((False, True), repeat=2):
        ends = [side.place if is_taken else None for side, is_taken in zip(sides, taken, strict=True)]
        asked = sum(side.asked for side, is_taken in zip(sides, taken, strict=True) if is_taken)
        for points in (place_uniform_points, place_stretched_points):
            if tried and should_stop():
                break
            has_tails = not taken[0], not taken[1]
            grid = UnivariateGrid(points(z, (ends[0], ends[1]), size), config.order, has_tails)
            found = select_penalty(
                grid, FoldSums.from_rows(grid, z, w, fold, UNIVARIATE_FOLDS), _initial_coefficients(grid, z)
            )
            tried.append((found.score - asked, found))
    return max(tried, key=lambda entry: entry[0])[1]


def _initial_coefficients(grid: UnivariateGrid, z: np.ndarray) -> np.ndarray:
    return normal_coefficients(grid, float(z.mean()), max(float(z.std()), 1e-3))


def fit_bivariate_density(
    x: Float[np.ndarray, "rows 2"],
    weights: Float[np.ndarray, " rows"],
    sides: tuple[Density, Density],
    config: DensityConfig,
    should_stop: Callable[[], bool] = lambda: False,
) -> Density:
    """Estimate the joint density of two columns.

    Four-fold cross-validation chooses λ: it maximises the log-likelihood of rows left out. Then the network
    is trained on all rows.

    Args:
        x: Values of the columns.
        weights: Weight of each row.
        sides: The density of each column alone; it determines the support and the grid.
        config: Settings of the estimate.
        should_stop: Once true, the best network so far is returned.
    """
    inputs, w = Standardizer.fit(x), torch.from_numpy(weights / weights.mean())
    z = inputs.forward(x)
    size = config.grid_size or BIVARIATE_GRID_SIZE
    ends = [_standardize_ends(side.support[0], inputs, place) for place, side in enumerate(sides)]
    points = [_place_column_points(z[:, place], ends[place], size) for place in (0, 1)]
    frame = BivariateMesh(
        points=(points[0], points[1]),
        ends=(ends[0], ends[1]),
        means=(float(z[:, 0].mean()), float(z[:, 1].mean())),
        covariance=np.cov(z.T, aweights=weights),
        order=config.order,
    )
    some = np.random.default_rng(config.seed).permutation(len(z))[:MAX_BIVARIATE_ROWS]
    found = select_bivariate_network(
        frame=frame,
        rows=frame.locate_rows(torch.from_numpy(z[some]), w[some]),
        part=torch.arange(len(some)) % BIVARIATE_FOLDS,
        nodes=BIVARIATE_HIDDEN_NODES if config.nodes is None else config.nodes,
        should_stop=should_stop,
    )
    unit, held = float(np.log(inputs.scale).sum()), np.full(len(z), np.nan)
    held[some] = found.held.numpy() - unit
    return Density(
        network=found.network,
        inputs=inputs,
        log_constant=-plane_normaliser(found.network, frame.fine_rule) - unit,
        support=(sides[0].support[0], sides[1].support[0]),
        held=held,
        lamb=found.lamb,
        steps=tuple(found.steps),
    )


def _place_column_points(z: np.ndarray, ends: tuple[float, float], size: int) -> np.ndarray:
    """Grid points of one of two columns: uniform, where parabolas have no penalty, unless tails are long."""
    lower, upper = np.quantile(z, [0.25, 0.75])
    is_long = float(np.ptp(z)) > LONG_TAIL_RATIO * float(upper - lower)
    low, high = (end if np.isfinite(end) else None for end in ends)
    return (place_stretched_points if is_long else place_uniform_points)(z, (low, high), size)


def _standardize_ends(ends: tuple[float, float], inputs: Standardizer, place: int) -> tuple[float, float]:
    low, high = ((end - float(inputs.center[place])) / float(inputs.scale[place]) for end in ends)
    return low, high


def _evaluate_held_out_rows(
    grid: UnivariateGrid, fitted: list[np.ndarray], z: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Log-density of every row, fitted without its fold, on the unit scale."""
    held = np.empty(len(z))
    for part, c in enumerate(fitted):
        own = fold == part
        held[own] = _evaluate_spline(grid, c, z[own]) - log_normaliser(grid, c)
    return held


def _evaluate_spline(grid: UnivariateGrid, c: np.ndarray, z: np.ndarray) -> np.ndarray:
    """f at these points, a block of rows at a time."""
    blocks = [grid.basis(z[start : start + BLOCK_ROWS]) @ c for start in range(0, len(z), BLOCK_ROWS)]
    return np.concatenate(blocks) if blocks else np.zeros(0)
