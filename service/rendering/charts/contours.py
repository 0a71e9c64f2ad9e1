"""Contour lines of values on a grid."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from kan_engine.drawing.svg import number
from service.rendering.charts.axes import Panel

Point = tuple[float, float]
Line = list[Point]


def level_path(panel: Panel, lines: Iterable[Line]) -> str:
    """Return contour lines as the data of an SVG path."""
    return "".join(
        "M" + "L".join(f"{number(panel.to_x(x))},{number(panel.to_y(y))}" for x, y in line) for line in lines
    )


def level_lines(
    xs: Sequence[float], ys: Sequence[float], values: Sequence[Sequence[float]], level: float
) -> list[Line]:
    """Return the contour lines of a level (marching triangles).

    The method splits every cell into two triangles with linear values. The sides of the grid are never
    contour lines, even if the values along them equal the level.
    """

    def is_on_side(point: Point) -> bool:
        return point[0] in (xs[0], xs[-1]) or point[1] in (ys[0], ys[-1])

    pieces = _level_segments(xs, ys, values, level)
    return list(_join_segments(piece for piece in pieces if not all(map(is_on_side, piece))))


def _level_segments(
    xs: Sequence[float], ys: Sequence[float], values: Sequence[Sequence[float]], level: float
) -> Iterator[tuple[Point, Point]]:
    for i in range(len(xs) - 1):
        for j in range(len(ys) - 1):
            corner = [
                (xs[a], ys[b], values[a][b]) for a, b in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            ]
            if min(c[2] for c in corner) <= level <= max(c[2] for c in corner):
                for triangle in ((corner[0], corner[1], corner[2]), (corner[0], corner[2], corner[3])):
                    yield from _cross_triangle(triangle, level)


def _cross_triangle(
    triangle: Sequence[tuple[float, float, float]], level: float
) -> Iterator[tuple[Point, Point]]:
    found: list[Point] = []
    for ends in zip(triangle, (*triangle[1:], triangle[0]), strict=True):
        start, end = sorted(ends)  # so that triangles with a common side find the same point on it
        if (start[2] < level) != (end[2] < level) and math.isfinite(start[2] + end[2]):
            share = (level - start[2]) / (end[2] - start[2])
            found.append((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))
    if len(found) == 2 and found[0] != found[1]:
        yield found[0], found[1]


def _join_segments(pieces: Iterable[tuple[Point, Point]]) -> Iterator[Line]:
    """Join segments with common ends into lines, so that dashes continue along a line."""
    beside: dict[Point, list[Point]] = defaultdict(list)
    for one, other in pieces:
        beside[one].append(other)
        beside[other].append(one)
    for start in sorted(beside, key=lambda point: len(beside[point]) != 1):  # open lines first
        while beside[start]:
            line = [start]
            while beside[line[-1]]:
                there = beside[line[-1]].pop()
                beside[there].remove(line[-1])
                line.append(there)
            yield line
