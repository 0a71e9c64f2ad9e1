"""The positions of panels, nodes and lines: every node is above or left of the curves that enter it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kan_engine.drawing.edge_blocks import Point
from kan_engine.drawing.panels.blocks import Block, Unit, build_sections, pack, row_width
from kan_engine.drawing.panels.curves import Curve, Place
from kan_engine.drawing.style import PanelStyle

NamePlace = Literal["above", "right", ""]


@dataclass(frozen=True)
class PlacedPanel:
    """A panel, or the small box of a line, with its upper left corner and its size."""

    curve: Curve
    left: float
    top: float
    width: float
    height: float
    is_small: bool


@dataclass(frozen=True)
class PlacedNode:
    """A node.

    Attributes:
        place: Its place.
        at: Its centre.
        inputs: How many curves enter it.
        name_at: ``above`` for the head of a section, ``right`` under the small box of a line, and "" if the
            panel of its curve names it.
        room: Width of the section of a head; 0 for other nodes.
    """

    place: Place
    at: Point
    inputs: int
    name_at: NamePlace
    room: float = 0.0


@dataclass(frozen=True)
class PlacedLine:
    """A line, as strong as the strongest curve whose value it carries."""

    points: tuple[Point, ...]
    strength: float


@dataclass(frozen=True)
class CurveLayout:
    """Positions in pixels from the upper left corner; ``height`` is that of the lowest panel."""

    width: float
    height: float
    panels: tuple[PlacedPanel, ...]
    nodes: tuple[PlacedNode, ...]
    lines: tuple[PlacedLine, ...]


def lay_out_curves(
    curves: Sequence[Curve],
    outputs: Iterable[Place],
    style: PanelStyle,
    *,
    head_room: float,
    label_width: float = 0.0,
) -> CurveLayout:
    """Place all panels.

    Args:
        curves: The curves, in the order in which a node shows them.
        outputs: Places of the outputs.
        style: Measures.
        head_room: Height of the labels above an output.
        label_width: Width of the longest label above an output; a section is at least so wide.
    """
    room = style.width - 2 * style.margin
    blocks = build_sections(curves, outputs, room, style)
    rows = pack(blocks, room, style.gap * 2, lambda block: max(block.width, label_width))
    widths = [
        sum(max(block.width, label_width) for block in row) + style.gap * 2 * (len(row) - 1) for row in rows
    ]
    width = max([style.min_width - 2 * style.margin, *widths])
    drawing, top = _Drawing(style), style.margin
    for row, content_width in zip(rows, widths, strict=True):
        x_left = style.margin + (width - content_width) / 2
        for block in row:
            room = max(block.width, label_width)
            drawing.add_section(block, x_left, top + head_room, room)
            x_left += room + style.gap * 2
        top += head_room + max(block.height for block in row) + style.gap * 2
    return CurveLayout(
        width=width + 2 * style.margin,
        height=top - style.gap * 2 if rows else top,
        panels=tuple(drawing.panels),
        nodes=tuple(drawing.nodes),
        lines=tuple(drawing.lines),
    )


class _Drawing:
    """Collects what is placed."""

    def __init__(self, style: PanelStyle) -> None:
        self.style = style
        self.panels: list[PlacedPanel] = []
        self.nodes: list[PlacedNode] = []
        self.lines: list[PlacedLine] = []

    def add_section(self, block: Block, x_left: float, top: float, room: float) -> None:
        """Place an output, or a node that several curves leave, in the middle of its room."""
        self.add_tree(block, x_left + (room - block.width) / 2, top, "above", room)

    def add_tree(
        self, block: Block, x_left: float, top: float, name_at: NamePlace, room: float = 0.0
    ) -> Point:
        """Place a node at the given top, and its rows under it; return the centre of the node."""
        style = self.style
        middle = row_width(block.rows[0], style) / 2 if block.rows else 0.0
        node = (x_left + block.indent + middle, top + style.node_radius)
        self.nodes.append(PlacedNode(block.place, node, block.count, name_at, room))
        if not block.rows:
            return node
        rows_top = top + 2 * style.node_radius + 2 * style.stem + block.leads[0]
        self._add_rows(block, x_left + block.indent, rows_top, node, x_left + style.plain_radius)
        return node

    def _add_rows(self, block: Block, x_left: float, top: float, node: Point, trunk: float) -> None:
        """Place the rows of a block, and the lines from the node to their panels.

        Args:
            block: The block.
            left, top: Upper left corner of the first panel.
            node: Centre of the node.
            trunk: x of the line to the second and later rows.
        """
        style, start = self.style, node
        for row, lead in zip(block.rows, block.leads, strict=True):
            top += lead if start is not node else 0.0
            bus = top - lead - style.stem
            ends = list(self._add_row(row, x_left, top))
            strength = max(strength for _, strength in ends)
            self._add_line(strength, start, (start[0], bus))
            xs = [start[0], *(x for x, _ in ends), *([trunk] if len(block.rows) > 1 else [])]
            self._add_line(strength, (min(xs), bus), (max(xs), bus))
            for x, line_strength in ends:
                self._add_line(line_strength, (x, bus), (x, top))
            start = (trunk, bus)
            top += max(unit.height for unit in row) + style.gap + 2 * style.stem

    def _add_row(self, row: Sequence[Unit], x_left: float, top: float) -> Iterator[tuple[float, float]]:
        """Place the units of a row; yield where lines enter their panels, and how strong these are."""
        for unit in row:
            x = self._add_beside(unit, x_left, top) if unit.is_beside else self._add_under(unit, x_left, top)
            width, height = unit.head
            is_small = height < self.style.height
            self.panels.append(PlacedPanel(unit.curve, x - width / 2, top, width, height, is_small))
            yield x, unit.curve.strength
            x_left += unit.width + self.style.gap

    def _add_under(self, unit: Unit, x_left: float, top: float) -> float:
        """Place the node of a unit under its panel; return the centre of the panel."""
        x, (width, height) = x_left + unit.width / 2, unit.head
        if unit.node is not None:
            x_left += (unit.width - unit.node.width) / 2
            name_at: NamePlace = "right" if unit.curve.is_line else ""
            node = self.add_tree(unit.node, x_left, top + height + self.style.stem, name_at)
            x = min(max(node[0], x_left + width / 2), x_left + unit.width - width / 2)
            self._add_line(unit.curve.strength, (x, top + height), node)
        return x

    def _add_beside(self, unit: Unit, x_left: float, top: float) -> float:
        """Place the node of a unit on the right of its panel; return the centre of the panel."""
        style, (width, height) = self.style, unit.head
        if unit.node is not None:
            node = (x_left + width + style.node_gap / 2, top + height / 2)
            self._add_line(unit.curve.strength, (x_left + width, node[1]), node)
            self.nodes.append(PlacedNode(unit.node.place, node, unit.node.count, ""))
            self._add_rows(unit.node, x_left + width + style.node_gap, top, node, node[0])
        return x_left + width / 2

    def _add_line(self, strength: float, *points: Point) -> None:
        self.lines.append(PlacedLine(points, strength))
