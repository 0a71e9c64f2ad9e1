"""Lines along which values on a grid have a level."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from service.rendering.charts.axes import Panel
from service.rendering.svg import number

Point = tuple[float, float]
Line = list[Point]


def level_path(panel: Panel, lines: Iterable[Line]) -> str:
    """Lines of a level as the path of an SVG."""
    return "".join(
        "M" + "L".join(f"{number(panel.across(x))},{number(panel.up(y))}" for x, y in line) for line in lines
    )


def level_lines(
    xs: Sequence[float], ys: Sequence[float], values: Sequence[Sequence[float]], level: float
) -> list[Line]:
    """The lines on which values on a grid have a level, found cell by cell (marching triangles).

    Every cell is cut into two triangles, on which values are taken to be linear. The sides of the grid are no
    line, even if all along them values have the level.
    """

    def is_on_side(point: Point) -> bool:
        return point[0] in (xs[0], xs[-1]) or point[1] in (ys[0], ys[-1])

    pieces = _pieces(xs, ys, values, level)
    return list(_chained(piece for piece in pieces if not all(map(is_on_side, piece))))


def _pieces(
    xs: Sequence[float], ys: Sequence[float], values: Sequence[Sequence[float]], level: float
) -> Iterator[tuple[Point, Point]]:
    for i in range(len(xs) - 1):
        for j in range(len(ys) - 1):
            corner = [
                (xs[a], ys[b], values[a][b]) for a, b in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            ]
            if min(c[2] for c in corner) <= level <= max(c[2] for c in corner):
                for triangle in ((corner[0], corner[1], corner[2]), (corner[0], corner[2], corner[3])):
                    yield from _crossed(triangle, level)


def _crossed(triangle: Sequence[tuple[float, float, float]], level: float) -> Iterator[tuple[Point, Point]]:
    found: list[Point] = []
    for ends in zip(triangle, (*triangle[1:], triangle[0]), strict=True):
        start, end = sorted(ends)  # so that triangles with a side in common find the very same point on it
        if (start[2] < level) != (end[2] < level) and math.isfinite(start[2] + end[2]):
            share = (level - start[2]) / (end[2] - start[2])
            found.append((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))
    if len(found) == 2 and found[0] != found[1]:
        yield found[0], found[1]


def _chained(pieces: Iterable[tuple[Point, Point]]) -> Iterator[Line]:
    """Pieces that touch as one line each, so that dashes run on along it."""
    beside: dict[Point, list[Point]] = defaultdict(list)
    for one, other in pieces:
        beside[one].append(other)
        beside[other].append(one)
    for start in sorted(beside, key=lambda point: len(beside[point]) != 1):  # lines that end somewhere first
        while beside[start]:
            line = [start]
            while beside[line[-1]]:
                there = beside[line[-1]].pop()
                beside[there].remove(line[-1])
                line.append(there)
            yield line
