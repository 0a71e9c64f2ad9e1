"""Scale raw units to the network's units: Standardizer for the inputs, TargetScaler for the targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.data.thresholds import DEFAULT_DATA, DataThresholds
from kan_engine.data.transforms import TRANSFORMS, is_defined, namespace
from kan_engine.errors import InvalidConfig, InvalidData

Array = TypeVar("Array", np.ndarray, Tensor)

# Part of the meaning of a saved scale, which does not store them: END_FRACTION, MAX_OVERSHOOT_STDS
END_FRACTION = 1 / 16  # of the levels, at either end: their mean slope is that of the extrapolation
MIN_HALF_RANGE = 1e-150  # a smaller one counts as 0: a quotient by it may overflow


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Maps the training range of every input to [-1, 1], and back.

    The map is affine, ``(x - center) / scale``, which a formula can invert. With ``quantiles`` it is
    piecewise linear through them, so that skewed inputs spread over the grid. Beyond the first and the last
    quantile it is extrapolated with its mean slope at that end, at most the slope of the affine map. Where
    the few largest values lie far apart, this slope is low: a value beyond them stays near them on the unit
    scale.

    Args:
        center: Middle of the training range, [d].
        scale: Half the training range, [d]; 1 for an input that hardly varies.
        quantiles: Equally likely values per input, non-decreasing, [d, q]; None for the affine map.
    """

    center: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]
    quantiles: Float[np.ndarray, "d q"] | None = None

    def __post_init__(self) -> None:
        """Reject maps that have no inverse."""
        tables = [self.center, self.scale] + ([] if self.quantiles is None else [self.quantiles])
        if any(len(table) != len(self.center) or not np.isfinite(table).all() for table in tables):
            raise InvalidConfig("center, scale and quantiles must be finite and of one length")
        if not (self.scale > 0).all():
            raise InvalidConfig("every scale must be greater than 0")
        if self.quantiles is not None and (
            self.quantiles.shape[1] < 2 or (np.diff(self.quantiles, axis=1) < 0).any()
        ):
            raise InvalidConfig("quantiles must not decrease, and there must be at least two")

    @staticmethod
    def fit(
        x: Float[np.ndarray, "rows d"], *, quantile: bool = False, thresholds: DataThresholds = DEFAULT_DATA
    ) -> Standardizer:
        """Fit the map to the ranges of these rows, or with ``quantile`` to their distributions."""
        if not len(x):
            raise InvalidData("scaling needs at least one row")
        # Middle and half width, in an order of operations that does not overflow
        low, high = x.min(0), x.max(0)
        scale = high / 2 - low / 2  # halves first: high - low may overflow
        return Standardizer(
            center=low + scale,
            scale=np.where(scale > MIN_HALF_RANGE, scale, 1.0),
            quantiles=_compute_quantiles(x, low, high, thresholds) if quantile else None,
        )

    def forward(self, x: Float[np.ndarray, "rows d"]) -> Float[np.ndarray, "rows d"]:
        """Map raw units to the unit scale."""
        if self.curves is None:
            z: np.ndarray = x - self.center
            z /= self.scale
            return z
        return _map_columns(x, self.curves)

    def inverse(self, z: Float[np.ndarray, "rows d"]) -> Float[np.ndarray, "rows d"]:
        """Map the unit scale to raw units."""
        if self.curves is None:
            x: np.ndarray = z * self.scale
            x += self.center
            return x
        return _map_columns(z, [curve.inverse() for curve in self.curves])

    @cached_property
    def curves(self) -> list[PiecewiseLinearMap] | None:
        """The piecewise linear map of every input; None without ``quantiles``."""
        if self.quantiles is None:
            return None
        return [
            PiecewiseLinearMap.from_quantiles(*column)
            for column in zip(self.quantiles, 1 / self.scale, strict=True)
        ]


def _compute_quantiles(
    x: Float[np.ndarray, "rows d"],
    low: Float[np.ndarray, " d"],
    high: Float[np.ndarray, " d"],
    thresholds: DataThresholds,
    *,
    quantile_count: int = 257,
) -> Float[np.ndarray, "d q"]:
    """Return the quantiles of every column; first and last are the extremes of all rows.

    Args:
        quantile_count: Of the scale of an input.
    """
    limit = thresholds.max_quantile_rows
    if len(x) > limit:  # at random, not every n-th row: rows may repeat a pattern
        x = x[np.random.default_rng(0).choice(len(x), limit, replace=False)]
    # Monotone after rounding, and exact at the ends, which a sample may miss
    table = np.quantile(x, np.linspace(0, 1, quantile_count), axis=0).T
    table[:, 0], table[:, -1] = low, high
    return np.maximum.accumulate(table, axis=1)


@dataclass(frozen=True, eq=False)
class PiecewiseLinearMap:
    """A piecewise linear map.

    Attributes:
        start: Increasing points.
        end: Their increasing images.
        slopes: Slopes below the first and above the last point.
    """

    start: np.ndarray
    end: np.ndarray
    slopes: tuple[float, float]

    @staticmethod
    def from_quantiles(quantiles: Float[np.ndarray, " q"], steepest: float) -> PiecewiseLinearMap:
        """Return the map of one input to the levels of its quantiles in [-1, 1].

        Several quantiles may have one value, which then maps to the mean of their levels. The first value
        always maps to -1 and the last to 1.

        Args:
            quantiles: Non-decreasing values.
            steepest: Largest slope beyond the ends.
        """
        values, places = np.unique(quantiles, return_inverse=True)
        if len(values) == 1:
            return PiecewiseLinearMap(values, np.zeros(1), (steepest, steepest))
        # Equal quantiles get the mean of their levels, so that the map is a function
        levels = np.linspace(-1, 1, len(quantiles))
        means = np.bincount(places, weights=levels) / np.bincount(places)
        means[0], means[-1] = -1.0, 1.0
        # Mean slope of the outermost levels: the last interval alone would depend on one or two rows
        low, high = np.interp([2 * END_FRACTION - 1, 1 - 2 * END_FRACTION], means, values)
        shortest = 2 * END_FRACTION / steepest  # so that no slope is steeper
        first_slope, last_slope = (
            2 * END_FRACTION / max(width, shortest) for width in (low - values[0], values[-1] - high)
        )
        return PiecewiseLinearMap(values, means, (first_slope, last_slope))

    def inverse(self) -> PiecewiseLinearMap:
        """Return the inverse map."""
        first_slope, last_slope = self.slopes
        return PiecewiseLinearMap(self.end, self.start, (1 / first_slope, 1 / last_slope))

    def __call__(self, x: Float[np.ndarray, " *dims"]) -> Float[np.ndarray, " *dims"]:
        """Map values, of any shape."""
        # np.interp is constant beyond the ends, so the extrapolation is added
        beyond = x - np.clip(x, self.start[0], self.start[-1])
        images: np.ndarray = np.interp(x, self.start, self.end)
        images += beyond * np.where(beyond < 0, *self.slopes)
        return images


def _map_columns(
    x: Float[np.ndarray, "rows d"], curves: list[PiecewiseLinearMap]
) -> Float[np.ndarray, "rows d"]:
    out = np.empty_like(x)
    for place, curve in enumerate(curves):
        out[:, place] = curve(x[:, place])
    return out


MAX_OVERSHOOT_STDS = 0.02  # of T(y): a value beyond the range of T by less counts as the end of the range


@dataclass(frozen=True, eq=False)
class TargetScaler:
    """Maps targets y to ``z = (T(y) - mean) / std``, the scale of the network's outputs, and back.

    Args:
        transform: Name of T in ``TRANSFORMS``.
        mean: Mean of T(y) per output, [m].
        std: Standard deviation of T(y) per output, [m]; 1 for an output that does not vary.
        bounds: Lowest and highest value that ``inverse`` returns; None for no bounds.
    """

    transform: str
    mean: Float[np.ndarray, " m"]
    std: Float[np.ndarray, " m"]
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Reject maps that have no inverse."""
        if self.bounds is not None and not -np.inf < self.bounds[0] <= self.bounds[1] < np.inf:
            raise InvalidConfig(f"bounds of the target must be finite and in order, got {self.bounds}")
        if self.transform not in TRANSFORMS:
            raise InvalidConfig(f"transform must be one of {', '.join(TRANSFORMS)}, got {self.transform!r}")
        if len(self.mean) != len(self.std) or not np.isfinite([*self.mean, *self.std]).all():
            raise InvalidConfig("mean and std must be finite and of one length")
        if not (self.std > 0).all():
            raise InvalidConfig("every std must be greater than 0")

    @staticmethod
    def fit(y: Float[np.ndarray, "rows m"], transform: str = "identity") -> TargetScaler:
        """Fit the scale to these targets; raise InvalidData if the transform is undefined for any of them."""
        if not is_defined(transform, y):
            raise InvalidData(f"the transform {transform!r} is not defined for every value of the target")
        t = TRANSFORMS[transform].forward(y)
        std = t.std(0)
        return TargetScaler(transform, t.mean(0), np.where(std > 0, std, 1.0))

    def forward(self, y: Float[Array, "rows m"]) -> Float[Array, "rows m"]:
        """Map the client's units to the unit scale, [rows, m]."""
        with np.errstate(all="ignore"):
            t = TRANSFORMS[self.transform].forward(y)
            return (t - _convert_like(self.mean, y)) / _convert_like(self.std, y)  # type: ignore[no-any-return]

    def inverse(self, z: Float[Array, "rows m"]) -> Float[Array, "rows m"]:
        """Map the unit scale to the client's units, [rows, m]; not finite outside the range of T.

        A value beyond the range of T by less than ``MAX_OVERSHOOT_STDS`` counts as its end, since a network
        approximates the end only roughly. With bounds, every value beyond the range of T counts as its end,
        and the result is clipped to the bounds.
        """
        transform, std = TRANSFORMS[self.transform], _convert_like(self.std, z)
        with np.errstate(all="ignore"):
            t, reach = z * std + _convert_like(self.mean, z), MAX_OVERSHOOT_STDS * std
            # With bounds, values beyond the range of T count as its end before the inverse is taken
            if self.bounds is not None:
                values = transform.inverse(namespace(t).clip(t, *transform.reach))
                return namespace(values).clip(values, *self.bounds)  # type: ignore[no-any-return]
            # Without bounds, only a small overshoot counts as the end; larger ones become NaN or infinite
            for end, outwards in zip(transform.ends, (-1, 1), strict=True):
                if np.isfinite(end):
                    beyond = outwards * (t - end)
                    t = namespace(t).where((beyond > 0) & (beyond < reach), t * 0 + end, t)
            return transform.inverse(t)  # type: ignore[no-any-return]


def add_bounds(scaler: TargetScaler, y: Float[np.ndarray, "rows ..."]) -> TargetScaler:
    """Return the scale with bounds: one range of these targets below their minimum and above their maximum.

    Activations extrapolate along their tangents, so that a network returns arbitrarily large values for a row
    far outside the training range. The scale is returned unchanged if the bounds overflow.
    """
    low, high = float(y.min()), float(y.max())
    with np.errstate(over="ignore"):
        # One range of the target on either side, unless that is not finite
        reach = high - low
    if not np.isfinite([low - reach, high + reach]).all():
        return scaler
    return replace(scaler, bounds=(low - reach, high + reach))


def limit_bounds(scaler: TargetScaler, bounds: tuple[float, float]) -> TargetScaler:
    """Return the scale with bounds within these, too, of which either may be infinite."""
    if not np.isfinite(bounds).any():
        return scaler
    largest = float(np.finfo(float).max)
    low, high = scaler.bounds or (-largest, largest)
    low, high = (
        float(np.clip(end, max(bounds[0], -largest), min(bounds[1], largest))) for end in (low, high)
    )
    return replace(scaler, bounds=(low, high))


def _convert_like(table: Float[np.ndarray, " m"], values: Float[Array, "rows m"]) -> Float[Array, " m"]:
    return torch.as_tensor(table) if isinstance(values, Tensor) else table
