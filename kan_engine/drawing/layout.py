"""The layout of nodes and activations in the diagram of a network.

As in figure 1 of the KAN paper, inputs are at the bottom, outputs at the top, and between two layers there is
one small box per edge. An edge that skips layers has its box above its input. It takes a free place in every
layer that it passes, so that it crosses no node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.edge_blocks import Block, BoxPlacement, LayerItem, Point, place_boxes
from kan_engine.drawing.style import DiagramStyle

Edge = Mapping[str, Any]


@dataclass(frozen=True)
class PlacedEdge:
    """An edge with its positions.

    Attributes:
        box: Centre of its box.
        enters: The line from its node to its box.
        leaves: The line from its box past the other boxes of its layer.
        way: The rest of the line, to the node that it enters.
        strength: Its score as a share of the highest score of its layer.
    """

    edge: Edge
    box: Point
    enters: tuple[Point, ...]
    leaves: tuple[Point, ...]
    way: tuple[Point, ...]
    strength: float

    @property
    def skips_layers(self) -> bool:
        """Whether the edge skips a layer of nodes."""
        return is_skip(self.edge)


@dataclass(frozen=True)
class NetworkLayout:
    """Positions in pixels from the upper left corner.

    ``box`` is the width and height of a box. ``height`` includes the names of the inputs.
    """

    width: float
    height: float
    box: tuple[float, float]
    nodes: dict[tuple[int, int], Point]
    edges: tuple[PlacedEdge, ...]
    hidden_edges: int
    hidden_inputs: int


def edge_function(edge: Edge, style: DiagramStyle) -> str:
    """Return the function fixed on an edge, or its simplest suggestion with R² ≥ ``min_naming_r2``, or ""."""
    if edge.get("function"):
        return str(edge["function"])
    sure = [fit for fit in edge.get("suggestions", ()) if (fit["r2"] or 0.0) >= style.min_naming_r2]
    return str(min(sure, key=lambda fit: fit["complexity"])["function"]) if sure else ""


def is_skip(edge: Edge) -> bool:
    """Whether an edge skips a layer of nodes."""
    return bool(edge["to_layer"] > edge["layer"] + 1)


def lay_out(
    picture: Mapping[str, Any],
    *,
    input_room: float,
    output_room: float,
    label_room: float,
    left_room: float = 0.0,
    style: DiagramStyle,
) -> NetworkLayout:
    """Compute the positions of all nodes and edges of a network.

    Args:
        picture: The edges document of a model.
        input_room: Width of the name of an input, in pixels.
        output_room: Width of the name of an output.
        label_room: Height of the names of the inputs below the network.
        left_room: Width of the name of the first input left of the network.
        style: Measures of the diagram.
    """
    sizes, all_edges = list(picture["width"]), list(picture["edges"])
    strengths = _relative_scores(all_edges)
    strongest = sorted(range(len(all_edges)), key=lambda n: (-strengths[n], n))[: style.max_edges]
    edges = {n: all_edges[n] for n in sorted(strongest)}
    layers = [
        _build_blocks(layer, sizes, edges, 0 if layer else input_room, style)
        for layer in range(len(sizes) - 1)
    ]

    side = min(_box_width(blocks, style) for blocks in layers)
    is_any_named = any(edge_function(edge, style) for edge in edges.values())
    box = (side, side + (style.label_height if is_any_named else 0))
    natural = [sum(block.width(side) for block in blocks) for blocks in layers]
    width = max(style.min_width, sizes[-1] * output_room, *natural)
    heights = _layer_heights(layers, width, box, style.box_gap)
    base, x_left = style.top_margin + heights[-1], style.margin + left_room

    tops = [base - height + _lead_height(width) for height in heights]  # of the boxes below a layer of nodes
    nodes: dict[LayerItem, Point] = {}
    placements: dict[int, BoxPlacement] = {}
    for layer, blocks in enumerate(layers):
        boxes = {n: place.box for n, place in placements.items()}
        for block, x, step in _place_blocks(_order_blocks(blocks, edges, nodes, boxes), side, x_left, width):
            node = nodes[block.item] = (x, base - heights[layer])
            placements |= place_boxes(block, node, node[1] - _lead_height(width), tops[layer + 1], box, step)
    for output in range(sizes[-1]):
        nodes[LayerItem(len(layers), output)] = (
            x_left + (output + 0.5) / sizes[-1] * width,
            style.top_margin,
        )

    return NetworkLayout(
        width=x_left + width + style.margin,
        height=base + 24 + label_room,
        box=box,
        nodes={(item.layer, item.number): at for item, at in nodes.items() if not item.passes},
        edges=tuple(
            PlacedEdge(
                edge=edge,
                box=placements[n].box,
                enters=placements[n].enters,
                leaves=placements[n].leaves,
                way=_route_edge(n, edge, nodes, tops),
                strength=strengths[n],
            )
            for n, edge in edges.items()
        ),
        hidden_edges=len(all_edges) - len(edges),
        hidden_inputs=sizes[0] - len(layers[0]),
    )


def _relative_scores(edges: list[Edge]) -> list[float]:
    """Return scores as shares of the highest score of the layer; deep or wide layers have small scores."""
    strongest: dict[tuple[int, int], float] = {}
    for edge in edges:
        layer = (edge["layer"], edge["to_layer"])
        strongest[layer] = max(strongest.get(layer, 0.0), edge["score"] or 0.0)
    return [(edge["score"] or 0.0) / (strongest[edge["layer"], edge["to_layer"]] or 1.0) for edge in edges]


def _build_blocks(
    layer: int, sizes: list[int], edges: dict[int, Edge], name_room: float, style: DiagramStyle
) -> list[Block]:
    """Return the blocks of a layer. Nodes without edges get none, except idle inputs if these are drawn."""
    leaving = {n: edge for n, edge in edges.items() if edge["layer"] == layer}
    rows = max(1, -(-len(leaving) // style.max_boxes_per_row))
    of_node: dict[int, list[int]] = {}
    if layer == 0 and sizes[0] <= style.max_idle_inputs:
        of_node = {node: [] for node in range(sizes[0])}
    of_node |= {edge["out"]: [] for edge in edges.values() if edge["to_layer"] == layer}
    for n, edge in leaving.items():
        of_node.setdefault(edge["in"], []).append(n)
    passing = [n for n, edge in edges.items() if edge["layer"] < layer < edge["to_layer"]]
    return [
        Block(
            LayerItem(layer, node),
            _sort_outer_first(numbers, edges, node < sizes[layer] / 2),
            rows,
            style,
            name_room,
        )
        for node, numbers in sorted(of_node.items())
    ] + [Block(LayerItem(layer, n, passes=True), (), rows, style) for n in passing]


def _sort_outer_first(numbers: list[int], edges: dict[int, Edge], is_left: bool) -> tuple[int, ...]:
    """Sort edges by the node that they enter, with skipping edges on the side nearer to the margin."""

    def key(n: int) -> tuple[bool, int]:
        return is_skip(edges[n]) is not is_left, edges[n]["out"]

    return tuple(sorted(numbers, key=key))


def _box_width(blocks: list[Block], style: DiagramStyle) -> int:
    """Return the width of the boxes of a layer that fits all of them, within the allowed range."""
    columns = max(sum(block.columns for block in blocks), 1)
    gap = max((block.gap for block in blocks), default=style.box_gap)
    fitting = style.max_boxes_width / columns - gap
    return round(min(style.max_box_width, max(style.min_box_width, fitting)))


def _lead_height(width: float) -> float:
    """Return the height of the lines between nodes and boxes: wider networks need more for steep lines."""
    return max(40.0, min(160.0, width * 0.075))


def _layer_heights(
    layers: list[list[Block]], width: float, box: tuple[float, float], gap: float
) -> list[float]:
    """Return the height of every layer of nodes above the inputs."""
    heights = [0.0]
    for blocks in layers:
        rows = max((block.rows for block in blocks), default=1)
        heights.append(heights[-1] + 2 * _lead_height(width) + rows * (box[1] + gap) - gap)
    return heights


def _order_blocks(
    blocks: list[Block], edges: dict[int, Edge], nodes: dict[LayerItem, Point], boxes: dict[int, Point]
) -> list[Block]:
    """Sort the blocks of a hidden layer by the mean x of their incoming boxes, so that few lines cross."""
    if not blocks or blocks[0].item.layer == 0:
        return blocks

    def mean_x(block: Block) -> float:
        layer, number = block.item.layer, block.item.number
        if block.item.passes:
            return nodes.get(LayerItem(layer - 1, number, passes=True), boxes[number])[0]
        entering = [
            boxes[n][0] for n, edge in edges.items() if (edge["to_layer"], edge["out"]) == (layer, number)
        ]
        return sum(entering) / len(entering) if entering else 0.0

    return sorted(blocks, key=lambda block: (round(mean_x(block), 3), block.item.number))


def _place_blocks(
    blocks: list[Block], side: float, x_left: float, width: float
) -> list[tuple[Block, float, float]]:
    """Return the centre of each block and the step between its columns; the blocks fill the whole width."""
    stretch = width / max(sum(block.width(side) for block in blocks), 1.0)
    positions, x = [], x_left
    for block in blocks:
        room = stretch * block.width(side)
        positions.append((block, x + room / 2, min(stretch, 1.6) * (side + block.gap)))
        x += room
    return positions


def _route_edge(n: int, edge: Edge, nodes: dict[LayerItem, Point], tops: list[float]) -> tuple[Point, ...]:
    """Return the points from the boxes to the node, vertical beside the boxes of each skipped layer."""
    way: list[Point] = []
    for layer in range(edge["layer"] + 1, edge["to_layer"]):
        x, y = nodes[LayerItem(layer, n, passes=True)]
        way += [(x, y), (x, tops[layer + 1])]
    return (*way, nodes[LayerItem(edge["to_layer"], edge["out"])])
