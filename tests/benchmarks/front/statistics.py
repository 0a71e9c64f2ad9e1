"""Fronts of formulas, compared: the best formula up to a size, and how often ours is as good as another's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from statistics import mean

SIZES = (10, 20, 30, 40, 60)  # nodes, of the report
PAIRED = (10, 20, 30, 40)  # of these, the sizes of the goals

Point = tuple[int, float]  # nodes of a formula, and its R² on the hold-out rows


@dataclass(frozen=True, kw_only=True)
class PairThresholds:
    """What differences of R² count.

    Attributes:
        near: Up to this below the other, ours is as good: the goal of the comparison.
        clear: Beyond this above the other, ours is better; half of ``near``, since the rows are the same.
        missing: R² of a side without a formula up to the size, as a constant has.
    """

    near: float = 0.01
    clear: float = 0.005
    missing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PairStatistics:
    """Comparison over pairs of a table and a size; shares and mean are NaN without pairs.

    Attributes:
        as_good: Share in which ours is near the other's R², or above.
        better: Share in which ours is clearly above.
        difference: Mean of our R² minus the other's.
    """

    pairs: int
    as_good: float
    better: float
    difference: float


def best_up_to(points: Iterable[Point], size: int) -> float | None:
    """Largest R² of a formula of at most ``size`` nodes; None if there is no formula."""
    return max((r2 for nodes, r2 in points if nodes <= size), default=None)


def steps(points: Iterable[Point]) -> list[Point]:
    """The points that no smaller or equally large formula reaches in R², the smallest first."""
    front: list[Point] = []
    for nodes, r2 in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or r2 > front[-1][1]:
            front.append((nodes, r2))
    return front


def compare_fronts(
    fronts: Iterable[tuple[Sequence[Point], Sequence[Point]]],
    sizes: Sequence[int] = PAIRED,
    thresholds: PairThresholds | None = None,
) -> PairStatistics:
    """Compare our front with another's on every table and up to every size.

    Args:
        fronts: Ours and the other's, by table.
    """
    limits = thresholds or PairThresholds()
    differences = [
        _value(best_up_to(ours, size), limits) - _value(best_up_to(theirs, size), limits)
        for ours, theirs in fronts
        for size in sizes
    ]
    return PairStatistics(
        pairs=len(differences),
        as_good=share(difference >= -limits.near for difference in differences),
        better=share(difference > limits.clear for difference in differences),
        difference=mean(differences) if differences else nan,
    )


def share(claims: Iterable[bool]) -> float:
    """Share of claims that hold; NaN without claims."""
    flags = list(claims)
    return sum(flags) / len(flags) if flags else nan


def _value(r2: float | None, limits: PairThresholds) -> float:
    return limits.missing if r2 is None else r2
