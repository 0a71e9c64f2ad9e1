"""Whether a formula stays defined and bounded all over a box of its columns, and not only at the rows.

Boxes are split and enclosed by intervals until the bounds prove it (branch and bound). Where they do not,
points are searched: near the rows, corners, a Sobol sequence, the boxes that are left, zeros of denominators,
and random steps from the points with the most extreme values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Number,
    Pow,
    call,
    evaluate,
    is_constant,
    variables,
    walk,
)
from kan_engine.expressions.intervals import enclose
from kan_engine.formulas.soundness.box import Box, Points

SoundnessStatus = Literal["proved", "sampled", "violated"]
Score = Callable[[Points], Float[np.ndarray, " points"]]


@dataclass(frozen=True)
class Soundness:
    """What is known of a formula over a box.

    Attributes:
        status: Proved by intervals; no violation at many points; violated at one.
        at: Where it is violated, by column.
        value: Of the formula there; None where it is undefined or infinite.
        is_far: Whether violations were only found far from all rows.
    """

    status: SoundnessStatus
    at: dict[str, float] | None = None
    value: float | None = None
    is_far: bool = False

    def rename(self, names: Mapping[str, str]) -> Soundness:
        """The same with these names of columns; others stay."""
        at = None if self.at is None else {names.get(name, name): value for name, value in self.at.items()}
        return replace(self, at=at)


def examine_formula(tree: Expression, rows: LabelledRows, max_rows: int = 2000) -> Soundness:
    """Whether a formula is sound over the ranges of its columns in these rows.

    Args:
        tree: The formula.
        rows: With the target; a sample tells what is near if there are more than ``max_rows``.
    """
    names = variables(tree)
    limits = compute_limits(rows.y)
    x = np.stack([rows.columns[name] for name in names], axis=1) if names else np.zeros((1, 0))
    is_binary = np.array([bool(np.isin(column, (0, 1)).all()) for column in x.T], dtype=bool)
    box = Box(names, x.min(0), x.max(0), is_binary)
    sample = x if len(x) <= max_rows else x[rows.draw_places(max_rows, 0)]
    return examine_soundness(tree, box, limits, box.to_shares(sample))


def compute_limits(y: Float[np.ndarray, " rows"], ranges: float = 3.0) -> tuple[float, float]:
    """Values that a law may be expected to reach between and beyond its rows, in the box of their columns.

    The target may go on by ``ranges`` of its ranges, and further where few rows make up most of the range. A
    positive one may be as many times its largest value as this is of its smallest. Of 275 laws of physics,
    chemistry and medicine one is undefined in its box; of the others, one exceeds the limits of 40 rows, and
    none those of 200 and of 1,000.
    """
    low, high = float(y.min()), float(y.max())
    inner = np.subtract(*np.quantile(y, (0.9, 0.1))) or high - low
    reach = ranges * (high - low) ** 2 / float(inner) if high > low else ranges * abs(high)
    lowest, highest = low - reach, high + reach
    if low > 0:
        highest = max(highest, high * (high / low))
    if high < 0:
        lowest = min(lowest, low * (low / high))
    return lowest, highest


def examine_soundness(
    tree: Expression,
    box: Box,
    limits: tuple[float, float],
    rows: Points,
    *,
    seed: int = 0,
    points: int = 4096,
) -> Soundness:
    """Prove that a formula is defined, continuous and within limits, or look for a point where it is not.

    Args:
        tree: The formula.
        box: Ranges of its columns.
        limits: Lowest and highest value that may be expected; see ``compute_limits``.
        rows: The rows, as shares of the box.
        seed: Of random steps.
        points: Of every sample.
    """
    centers = _list_unproved(tree, box, limits)
    if not len(centers):
        return Soundness("proved")
    generator = np.random.default_rng(seed)

    def measure_excess(shares: Points) -> Float[np.ndarray, " points"]:
        """By how much the formula is outside of its limits; infinite where it is undefined."""
        values = evaluate(tree, box.to_columns(shares))
        is_finite = np.isfinite(values)
        finite_values = values[is_finite]
        scores = np.full(len(values), np.inf)
        scores[is_finite] = np.maximum(limits[0] - finite_values, finite_values - limits[1])
        return scores

    near = _draw_near(rows, generator, points)
    sample = np.concatenate([rows, box.sample(points), centers])
    for shares in (near, sample):
        scores = measure_excess(shares)
        if scores.max(initial=-np.inf) > 0:
            return _report(tree, box, shares[np.argmax(scores)], is_far=shares is sample)
    for point in _search_extremes(tree, box, measure_excess, sample, generator):
        return _report(tree, box, point, is_far=True)
    return Soundness("sampled")


def _report(tree: Expression, box: Box, share: Float[np.ndarray, " columns"], *, is_far: bool) -> Soundness:
    columns = box.to_columns(share[None])
    (value,) = evaluate(tree, columns)
    at = {name: float(values[0]) for name, values in columns.items()}
    return Soundness("violated", at, float(value) if np.isfinite(value) else None, is_far)


def _list_unproved(
    tree: Expression, box: Box, limits: tuple[float, float], *, max_boxes: int = 4096, rounds: int = 48
) -> Points:
    """Centres of the parts of a box in which the bounds of a formula prove nothing, as shares of the box.

    Args:
        tree: The formula.
        box: Ranges of its columns.
        limits: Of its values.
        max_boxes: At which splitting ends.
        rounds: Of splitting: around a pole in one point few boxes are left, however small they are.
    """
    low, high = np.zeros((1, len(box.names))), np.ones((1, len(box.names)))
    for _ in range(rounds):
        ends = box.place(low).T, box.place(high).T
        # Parts whose bounds are finite and within the limits are proved; the others are halved
        bounds = enclose(tree, dict(zip(box.names, zip(*ends, strict=True), strict=True)))
        is_sound = bounds.is_defined & (bounds.lower >= limits[0]) & (bounds.upper <= limits[1])
        is_open = ~np.broadcast_to(is_sound, len(low))
        low, high = low[is_open], high[is_open]
        if not len(low) or 2 * len(low) > max_boxes:
            break
        low, high = _split(low, high, box.is_binary)
    return (low + high) / 2


def _split(
    low: Points, high: Points, is_binary: Bool[np.ndarray, " columns"]
) -> tuple[Float[np.ndarray, "halves columns"], Float[np.ndarray, "halves columns"]]:
    """Halves of boxes across their longest sides; the two ends of an indicator."""
    side = np.argmax(high - low, axis=1)[:, None]
    ends = np.take_along_axis(low, side, 1), np.take_along_axis(high, side, 1)
    first_high, second_low = high.copy(), low.copy()
    np.put_along_axis(first_high, side, np.where(is_binary[side], ends[0], sum(ends) / 2), 1)
    np.put_along_axis(second_low, side, np.where(is_binary[side], ends[1], sum(ends) / 2), 1)
    return np.concatenate([low, second_low]), np.concatenate([first_high, high])


def _draw_near(
    rows: Points, generator: np.random.Generator, count: int, quantile: float = 0.95
) -> Float[np.ndarray, "drawn columns"]:
    """Points no farther from a row than most rows are from their neighbours."""
    if len(rows) < 2:
        return rows
    # Steps in random directions, whose lengths are at most a usual distance between neighbours
    distances = cKDTree(rows).query(rows, k=2)[0][:, 1]
    steps = generator.normal(size=(count, rows.shape[1]))
    steps *= (
        float(np.quantile(distances, quantile))
        * generator.random((count, 1))
        / np.linalg.norm(steps, axis=1, keepdims=True)
    )
    return np.clip(rows[generator.integers(len(rows), size=count)] + steps, 0, 1)


def _search_extremes(
    tree: Expression, box: Box, measure_excess: Score, sample: Points, generator: np.random.Generator
) -> Iterator[Float[np.ndarray, " columns"]]:
    """Yield points where a formula is outside of its limits or undefined; a step within them is none."""
    best = _step_upwards(measure_excess, sample, generator)
    if measure_excess(best[None])[0] > 0:
        yield best
    for divisor in _list_divisors(tree):
        values = evaluate(divisor, box.to_columns(sample))
        if values.min() < 0 < values.max():
            # The segment between both crosses 0: halve it
            negative, positive = sample[np.argmin(values)], sample[np.argmax(values)]
            for _ in range(60):
                middle = (negative + positive) / 2
                if evaluate(divisor, box.to_columns(middle[None]))[0] < 0:
                    negative = middle
                else:
                    positive = middle
            for point in (negative, positive):
                if measure_excess(point[None])[0] > 0:
                    yield point
        else:
            closest = _step_upwards(partial(_approach_zero, divisor, box), sample, generator)
            if measure_excess(closest[None])[0] > 0:
                yield closest


def _approach_zero(tree: Expression, box: Box, shares: Points) -> Float[np.ndarray, " points"]:
    return -np.abs(evaluate(tree, box.to_columns(shares)))


def _list_divisors(tree: Expression) -> Iterator[Expression]:
    """Parts of a formula that must not be 0."""
    for node in walk(tree):
        match node:
            case Pow(base, Number(value)) if value < 0 and not is_constant(base):
                yield base
            case Call("tan", argument):
                yield call("cos", argument)


def _step_upwards(
    score: Score,
    starts: Points,
    generator: np.random.Generator,
    *,
    max_points: int = 32,
    tries: int = 32,
    rounds: int = 20,
) -> Float[np.ndarray, " columns"]:
    """The point with the highest score, by random steps from the best starts, which become shorter."""
    points = starts[np.argsort(-score(starts))[:max_points]]
    width = 0.25
    for _ in range(rounds):
        # Steps along some of the columns only, so that others can stay at the end of their range
        steps = width * generator.normal(size=(len(points), tries, points.shape[1]))
        steps *= generator.random(steps.shape) < 0.5
        trials = np.clip(points[:, None] + steps, 0, 1).reshape(-1, points.shape[1])
        scores = score(np.concatenate([points, trials]))
        # Each point moves to its best trial, if that is higher
        point_scores, trial_scores = scores[: len(points)], scores[len(points) :].reshape(len(points), tries)
        best = trial_scores.argmax(1)
        is_higher = trial_scores.max(1) > point_scores
        points = np.where(
            is_higher[:, None], trials.reshape(len(points), tries, -1)[np.arange(len(points)), best], points
        )
        width /= 2
    highest: Float[np.ndarray, " columns"] = points[np.argmax(score(points))]
    return highest
