"""Nodes with the panels of the curves that enter them, before they have positions.

A hidden node with a single outgoing curve is beside the panel of that curve or under it, so the network
reads as a tree from its outputs. Other hidden nodes are sections of their own; panels refer to them by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kan_engine.drawing.panels.curves import Curve, Place
from kan_engine.drawing.style import PanelStyle


@dataclass(frozen=True)
class Unit:
    """A panel, and the node that it comes from if that node has no other curve.

    The node is on the right of the panel, with the panels of its inputs, or under it where it does not fit.

    Attributes:
        curve: The curve of the panel.
        style: Measures.
        node: The node, or None.
        is_beside: Whether the node is on the right.
    """

    curve: Curve
    style: PanelStyle
    node: Block | None = None
    is_beside: bool = False

    @property
    def head(self) -> tuple[float, float]:
        """Width and height of the panel, or of the small box of a line."""
        style = self.style
        if self.curve.is_line and self.node is not None:
            return style.pill_width, style.pill_height
        return style.panel_width, style.height

    @property
    def width(self) -> float:
        """Width with the node."""
        if self.node is None:
            return self.head[0]
        if self.is_beside:
            return self.head[0] + self.style.node_gap + self.node.body_width
        return max(self.head[0], self.node.width)

    @property
    def height(self) -> float:
        """Height with the node."""
        if self.node is None:
            return self.head[1]
        if self.is_beside:
            return max(self.head[1], self.node.body_height)
        return self.head[1] + self.style.stem + self.node.height

    @property
    def lead(self) -> float:
        """Room above the panel for the line to the inputs of a node on the right."""
        return self.style.stem + self.node.leads[0] if self.node is not None and self.is_beside else 0.0


@dataclass(frozen=True)
class Block:
    """A node and the units of the curves that enter it, in rows."""

    place: Place
    rows: tuple[tuple[Unit, ...], ...]
    style: PanelStyle

    @property
    def count(self) -> int:
        """Number of curves that enter the node."""
        return sum(map(len, self.rows))

    @property
    def leads(self) -> list[float]:
        """Room that every row needs above its panels."""
        return [max(unit.lead for unit in row) for row in self.rows]

    @property
    def indent(self) -> float:
        """Room for the line that joins several rows under the node."""
        return self.style.trunk if len(self.rows) > 1 else 0.0

    @property
    def body_width(self) -> float:
        """Width of the widest row; 0 for a node that no curve enters."""
        return max((row_width(row, self.style) for row in self.rows), default=0.0)

    @property
    def body_height(self) -> float:
        """Height from the top of the first panels to the bottom of the last."""
        heights = sum(max(unit.height for unit in row) for row in self.rows)
        return heights + (self.style.gap + 2 * self.style.stem) * (len(self.rows) - 1) + sum(self.leads[1:])

    @property
    def width(self) -> float:
        """Width with the line that joins rows."""
        return self.indent + self.body_width

    @property
    def height(self) -> float:
        """Height from the top of the node, which is above its rows."""
        if not self.rows:
            return 2 * self.style.node_radius
        return 2 * self.style.node_radius + 2 * self.style.stem + self.leads[0] + self.body_height


Item = TypeVar("Item", Unit, Block)


def build_sections(
    curves: Sequence[Curve], outputs: Iterable[Place], room: float, style: PanelStyle
) -> list[Block]:
    """Return the blocks of the outputs and of the hidden nodes that several curves leave."""
    entering: dict[Place, list[Curve]] = {}
    for curve in curves:
        entering.setdefault(curve.target, []).append(curve)
    leaving = Counter(curve.source for curve in curves)

    def build(node: Place, room: float) -> Block:
        units = [build_unit(curve, room - style.trunk) for curve in entering.get(node, ())]
        units.sort(key=lambda unit: unit.node is not None)  # stable: plain panels fill rows first
        rows = pack(units, room - style.trunk, style.gap, lambda unit: unit.width)
        return Block(node, tuple(map(tuple, rows)), style)

    def build_unit(curve: Curve, room: float) -> Unit:
        if not is_nested(curve.source):
            return Unit(curve, style)
        node_room = room + style.trunk - style.panel_width - style.node_gap
        if not curve.is_line and node_room >= style.panel_width + style.trunk:
            unit = Unit(curve, style, build(curve.source, node_room), is_beside=True)
            if unit.width <= room:
                return unit
        return Unit(curve, style, build(curve.source, room))

    def is_nested(source: Place) -> bool:
        return source in entering and leaving[source] == 1

    heads = list(outputs)
    hidden_places = [
        place for place in sorted(entering, reverse=True) if place not in heads and leaving[place] > 1
    ]
    return [build(place, room) for place in [*heads, *hidden_places]]


def pack(items: Sequence[Item], room: float, gap: float, width: Callable[[Item], float]) -> list[list[Item]]:
    """Distribute items over rows in order; rows of equal items are about equally long."""
    rows: list[list[Item]] = []
    max_items = _most_per_row([width(item) for item in items], room, gap)
    length = 0.0
    for item in items:
        if rows and len(rows[-1]) < max_items and length + gap + width(item) <= room + 0.01:
            rows[-1].append(item)
            length += gap + width(item)
        else:
            rows.append([item])
            length = width(item)
    return rows


def _most_per_row(widths: list[float], room: float, gap: float) -> int:
    """Return how many equally wide items a row takes if rows are about equally long; no limit for others."""
    if not widths or max(widths) > min(widths):
        return len(widths)
    fitting = max(1, int((room + gap + 0.01) // (widths[0] + gap)))
    rows = -(-len(widths) // fitting)
    return -(-len(widths) // rows)


def row_width(row: Sequence[Unit], style: PanelStyle) -> float:
    """Return the width of units side by side."""
    return sum(unit.width for unit in row) + style.gap * (len(row) - 1)
