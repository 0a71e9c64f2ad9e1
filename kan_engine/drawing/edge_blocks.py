"""The boxes of the edges that leave a node: a block above the node, and the lines between its columns.

In a column of several boxes, the line to a box passes the boxes below on their left. The line from a box
passes the boxes above on their right. No line runs behind a box.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kan_engine.drawing.style import DiagramStyle

Point = tuple[float, float]


@dataclass(frozen=True)
class LayerItem:
    """A node of a layer, or, with ``passes``, the edge ``number`` that skips the layer."""

    layer: int
    number: int
    passes: bool = False


@dataclass(frozen=True)
class Block:
    """An item and the boxes of the edges that leave it, in columns of at most ``most_rows``.

    ``name_room`` is the width of its name.
    """

    item: LayerItem
    edges: tuple[int, ...]
    most_rows: int
    style: DiagramStyle
    name_room: float = 0.0

    @property
    def columns(self) -> int:
        """Number of columns."""
        return max(1, -(-len(self.edges) // self.most_rows))

    @property
    def rows(self) -> int:
        """Number of boxes in the highest column."""
        return max(1, -(-len(self.edges) // self.columns))

    def box_positions(self) -> Iterator[tuple[int, int, int]]:
        """Yield the column of every box, and the numbers of boxes below and above it.

        The heights of columns differ by at most one box.
        """
        min_rows, higher = divmod(len(self.edges), self.columns)
        for column in range(self.columns):
            rows = min_rows + (column < higher)
            for row in range(rows):
                yield column, row, rows - 1 - row

    @property
    def gap(self) -> float:
        """Gap between columns, with room for the lines past all boxes on both sides."""
        room = max(self.style.box_gap, 2 * self.most_rows * self.style.line_spacing)
        return min(self.style.max_column_gap, room)

    def width(self, side: float) -> float:
        """Return the width of the block with boxes of width ``side``."""
        return max(self.columns * (side + self.gap) + self.gap, self.name_room)


@dataclass(frozen=True)
class BoxPlacement:
    """The centre of a box, and the lines to and from it."""

    box: Point
    enters: tuple[Point, ...]
    leaves: tuple[Point, ...]


def place_boxes(
    block: Block, node: Point, bottom: float, top: float, box: tuple[float, float], step: float
) -> dict[int, BoxPlacement]:
    """Return the placements of the boxes of a block by edge, column by column from below.

    Args:
        block: The node and its edges.
        node: Position of the node.
        bottom: y of the lower side of the boxes of the layer.
        top: y of the upper side of the highest boxes.
        box: Width and height of a box.
        step: Distance from one column to the next.
    """
    (width, height), gap = box, block.style.box_gap
    apart = (step - width) / (2 * block.most_rows)  # distance between lines beside a column
    placements = {}
    for n, (column, below, above) in zip(block.edges, block.box_positions(), strict=True):
        x = node[0] + (column - (block.columns - 1) / 2) * step
        low = bottom - below * (height + gap)
        high = low - height
        x_left, x_right = x - width / 2 - below * apart, x + width / 2 + above * apart
        past_those_below = ((x_left, bottom), (x_left, low + gap)) if below else ()
        past_those_above = (
            ((x_right, high - gap), (x_right, top)) if above else ((x, top),) if high > top else ()
        )
        placements[n] = BoxPlacement(
            box=(x, low - height / 2),
            enters=(node, *past_those_below, (x, low)),
            leaves=((x, high), *past_those_above),
        )
    return placements
