"""The boxes of the edges that leave a node: a block straight above it, and the lines between its columns.

Where boxes stand on top of each other, a line to a box passes those below it on their left, and a line
from a box passes those above it on their right: none runs behind a box.
"""

from collections.abc import Iterator
from dataclasses import dataclass

GAP = 9.0  # between boxes
LINES_APART = 1.6  # between columns of boxes; closer where that would take more than WIDEST_GAP
WIDEST_GAP = 16.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Item:
    """What takes a place in a layer: a node, or the edge ``number`` that passes through."""

    layer: int
    number: int
    passes: bool = False


@dataclass(frozen=True)
class Block:
    """An item and the boxes of the edges that leave it, at most ``most_rows`` on top of each other.

    ``name_room`` is the width that its name needs.
    """

    item: Item
    edges: tuple[int, ...]
    most_rows: int
    name_room: float = 0.0

    @property
    def columns(self) -> int:
        """How many stand beside each other."""
        return max(1, -(-len(self.edges) // self.most_rows))

    @property
    def rows(self) -> int:
        """How many stand on top of each other, at most."""
        return max(1, -(-len(self.edges) // self.columns))

    def order(self) -> Iterator[tuple[int, int, int]]:
        """Column of every box, how many are below and how many above it; columns are about equally high."""
        least, higher = divmod(len(self.edges), self.columns)
        for column in range(self.columns):
            rows = least + (column < higher)
            for row in range(rows):
                yield column, row, rows - 1 - row

    @property
    def gap(self) -> float:
        """Between columns: room for a line past every box, on both sides."""
        return min(WIDEST_GAP, max(GAP, 2 * self.most_rows * LINES_APART))

    def width(self, side: float) -> float:
        """With boxes of this width."""
        return max(self.columns * (side + self.gap) + self.gap, self.name_room)


@dataclass(frozen=True)
class Place:
    """A box in its block, and the lines to and from it."""

    box: Point
    enters: tuple[Point, ...]
    leaves: tuple[Point, ...]


def places(
    block: Block, node: Point, bottom: float, top: float, box: tuple[float, float], step: float
) -> dict[int, Place]:
    """Where the boxes of a block stand, column by column from below.

    Args:
        block: The node and its edges.
        node: Its place.
        bottom: Height at which the boxes of all nodes of the layer begin.
        top: Height at which the highest of them end.
        box: Width and height of a box.
        step: From one column to the next.
    """
    width, height = box
    apart = (step - width) / (2 * block.most_rows)  # between lines beside a column
    found = {}
    for n, (column, below, above) in zip(block.edges, block.order(), strict=True):
        x = node[0] + (column - (block.columns - 1) / 2) * step
        low = bottom - below * (height + GAP)
        high = low - height
        left, right = x - width / 2 - below * apart, x + width / 2 + above * apart
        past_those_below = ((left, bottom), (left, low + GAP)) if below else ()
        past_those_above = ((right, high - GAP), (right, top)) if above else ((x, top),) if high > top else ()
        found[n] = Place(
            box=(x, low - height / 2),
            enters=(node, *past_those_below, (x, low)),
            leaves=((x, high), *past_those_above),
        )
    return found
