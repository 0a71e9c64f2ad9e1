"""The diagram of a network as SVG. Equal input gives equal bytes.

Every edge shows its activation as a curve in a box. Opacity and line width grow with the score of the edge.
Names from clients appear only as escaped text.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kan_engine.drawing.edge_blocks import Point
from kan_engine.drawing.labels import (
    CAPTION_SIZE,
    FONT_SIZE,
    build_caption,
    describe_edge,
    describe_network,
    format_label,
    is_product_node,
    label_width,
    node_name,
)
from kan_engine.drawing.layout import (
    LABEL_HEIGHT,
    Edge,
    NetworkLayout,
    PlacedEdge,
    edge_function,
    lay_out,
)
from kan_engine.drawing.svg import LIGHT, Theme, escape_text, number, svg_document, text_element

MAX_NAMES_WIDTH = 1_600.0  # pixels for the input names side by side; wider names are slanted
SLANT_DEGREES = -40
SLANT_DOWN, SLANT_LEFT = math.sin(math.radians(40)), math.cos(math.radians(40))
# Radii of nodes, and half the side of the sign ×
NODE_RADIUS, PRODUCT_RADIUS, TIMES_HALF_SIDE = 5.0, 8.0, 3.4
CAPTION_LINE_HEIGHT = 16.0
MIN_OPACITY = 0.14
SMALL_BOX_WIDTH = 36.0  # boxes narrower than this get thinner and coarser curves


def draw_network(
    picture: Mapping[str, Any],
    *,
    units: Mapping[str, str] = MappingProxyType({}),
    before: str = "",
    after: str = "",
    theme: Theme = LIGHT,
) -> str:
    """Draw a network.

    Args:
        picture: The edges document of a model: ``inputs``, ``outputs``, ``width``, ``nodes``, ``edges``.
        units: Units of inputs and outputs by name.
        before: Prefix of the name of every output, for example ``log(``.
        after: Suffix of the name of every output.
        theme: Colours and language.
    """
    inputs = [format_label(name, units) for name in picture["inputs"]]
    outputs = [f"{before}{format_label(name, units)}{after}" for name in picture["outputs"]]
    longest = max(map(label_width, inputs))
    is_slanted = len(inputs) * (longest + 14) > MAX_NAMES_WIDTH
    layout = lay_out(
        picture,
        input_room=30.0 if is_slanted else longest + 14,
        output_room=max(map(label_width, outputs)) + 14,
        label_room=12 + SLANT_DOWN * longest if is_slanted else 18.0,
        left_room=SLANT_LEFT * label_width(inputs[0]) if is_slanted else 0.0,
    )
    caption = build_caption(picture, layout, theme)
    told = {**picture, "outputs": [f"{before}{name}{after}" for name in picture["outputs"]]}
    shape = ", ".join(str(nodes) for nodes in picture["width"])
    return svg_document(
        layout.width,
        layout.height + 24 + CAPTION_LINE_HEIGHT * len(caption),
        title=theme.say(
            "Kolmogorov-Arnold network [{shape}] for {outputs}",
            shape=shape, outputs=", ".join(picture["outputs"]),
        ),
        description=describe_network(told, theme),
        theme=theme,
        body=[
            *(_draw_edge_line(placed, theme) for placed in layout.edges),
            *(_draw_activation(placed, told, layout.box, theme) for placed in layout.edges),
            *_draw_nodes(told, layout, inputs, outputs, is_slanted, theme),
            *_draw_caption(caption, layout, theme),
        ],
    )  # fmt: skip


def _draw_edge_line(placed: PlacedEdge, theme: Theme) -> str:
    """Draw the line of an edge, dashed if the edge skips layers. Lines lie below all other elements."""
    *passing, node = placed.way
    path = f"{_polyline(placed.enters)}{_polyline(placed.leaves)}{_bezier_path(placed.leaves[-1], passing)}"
    path += f"L{_format_point(node)}"
    dashes = ' stroke-dasharray="5 3"' if placed.skips_layers else ""
    return (
        f'<path d="{path}" fill="none" stroke="{theme.line}" '
        f'stroke-width="{number(0.8 + 1.2 * placed.strength)}" '
        f'stroke-opacity="{_opacity(placed)}"{dashes}/>'
    )


def _draw_activation(
    placed: PlacedEdge, picture: Mapping[str, Any], box: tuple[float, float], theme: Theme
) -> str:
    """Draw the box with the curve and its tooltip."""
    width, height = box
    left, top = placed.box[0] - width / 2, placed.box[1] - height / 2
    function = edge_function(placed.edge)
    colour, frame = (theme.symbolic, theme.symbolic) if function else (theme.spline, theme.ink)
    curve = _curve_path(placed.edge, left, top + height - width, width)
    ink = f'stroke-opacity="{_opacity(placed)}"'
    return (
        f"<g {_edge_attributes(placed.edge)}>"
        f"<title>{escape_text(describe_edge(placed.edge, picture, theme))}</title>"
        f'<rect x="{number(left)}" y="{number(top)}" width="{number(width)}" height="{number(height)}" '
        f'rx="3" fill="{theme.paper}" stroke="{frame}" stroke-width="1" {ink}/>'
        f"{_draw_function_name(function, placed.box[0], top, width, theme)}"
        f'<path d="{curve}" fill="none" stroke="{colour}" stroke-linejoin="round" '
        f'stroke-width="{1.8 if width >= SMALL_BOX_WIDTH else 1.3}" {ink}/></g>'
    )


def _edge_attributes(edge: Edge) -> str:
    """Return the ``data-`` attributes by which a web page identifies the edge."""
    places = {"layer": edge["layer"], "in": edge["in"], "to-layer": edge["to_layer"], "out": edge["out"]}
    return " ".join(f'data-{name}="{int(place)}"' for name, place in places.items())


def _draw_function_name(function: str, x: float, top: float, width: float, theme: Theme) -> str:
    if not function:
        return ""
    size = min(11.0, 1.6 * width / len(function))
    return text_element(
        function, x, top + LABEL_HEIGHT - 2.5, size=size, anchor="middle", fill=theme.symbolic
    )


def _curve_path(edge: Edge, left: float, top: float, side: float) -> str:
    """Return the path of the activation, scaled to its square, with gaps where it is not finite."""
    step = max(1, len(edge["x"]) // 50) if side < SMALL_BOX_WIDTH else 1
    points = list(zip(edge["x"], edge["y"], strict=True))[::step]
    finite = [point for point in points if _is_finite(point)]
    if not finite:
        return ""
    bounds = [(min(values), max(values)) for values in zip(*finite, strict=True)]
    path, is_open = "", False
    for point in points:
        if _is_finite(point):
            x = left + side * _scale_to_box(point[0], *bounds[0])
            y = top + side * (1 - _scale_to_box(point[1], *bounds[1]))
            path += f"{'L' if is_open else 'M'}{number(x)},{number(y)}"
        is_open = _is_finite(point)
    return path


def _is_finite(point: tuple[float | None, float | None]) -> bool:
    return all(value is not None and math.isfinite(value) for value in point)


def _scale_to_box(value: float, low: float, high: float) -> float:
    """Map a value to 0.12 to 0.88 of the side of a box; to 0.5 if the range is empty."""
    return 0.12 + 0.76 * (value - low) / (high - low) if high > low else 0.5


def _draw_nodes(
    picture: Mapping[str, Any],
    layout: NetworkLayout,
    inputs: list[str],
    outputs: list[str],
    is_slanted: bool,
    theme: Theme,
) -> Iterator[str]:
    """Draw a dot per node, with the sign × in product nodes, and the names of inputs and outputs."""
    last = len(picture["width"]) - 1
    busy = {node for placed in layout.edges for node in _end_nodes(placed.edge)}
    for (layer, node), (x, y) in sorted(layout.nodes.items()):
        fill = theme.ink if (layer, node) in busy else theme.idle
        is_product = is_product_node(picture["nodes"][layer][node])
        name = node_name(picture, layer, node)
        title = theme.say("{name}, the product of its inputs", name=name) if is_product else name
        radius = number(PRODUCT_RADIUS if is_product else NODE_RADIUS)
        yield (
            f'<circle cx="{number(x)}" cy="{number(y)}" r="{radius}" fill="{fill}">'
            f"<title>{escape_text(title)}</title></circle>"
        )
        if is_product:
            yield _draw_times_sign(x, y, theme)
        if layer == 0:
            colour = theme.ink if (layer, node) in busy else theme.quiet
            yield _draw_input_name(inputs[node], x, y, is_slanted, colour)
        elif layer == last:
            yield text_element(outputs[node], x, y - 14, size=FONT_SIZE, anchor="middle", fill=theme.ink)


def _draw_times_sign(x: float, y: float, theme: Theme) -> str:
    """Draw the sign × as lines, because fonts place it differently. The node receives its pointer events."""
    falling = _polyline(
        [(x - TIMES_HALF_SIDE, y - TIMES_HALF_SIDE), (x + TIMES_HALF_SIDE, y + TIMES_HALF_SIDE)]
    )
    rising = _polyline(
        [(x - TIMES_HALF_SIDE, y + TIMES_HALF_SIDE), (x + TIMES_HALF_SIDE, y - TIMES_HALF_SIDE)]
    )
    return (
        f'<path d="{falling}{rising}" stroke="{theme.paper}" stroke-width="1.8" stroke-linecap="round" '
        f'pointer-events="none"/>'
    )


def _end_nodes(edge: Edge) -> tuple[tuple[int, int], tuple[int, int]]:
    return (edge["layer"], edge["in"]), (edge["to_layer"], edge["out"])


def _draw_input_name(label: str, x: float, y: float, is_slanted: bool, colour: str) -> str:
    if not is_slanted:
        return text_element(label, x, y + 22, size=FONT_SIZE, anchor="middle", fill=colour)
    return text_element(
        label, x - 8, y + 12, size=FONT_SIZE, anchor="end", fill=colour, turn=SLANT_DEGREES, around=(x, y)
    )


def _draw_caption(caption: list[str], layout: NetworkLayout, theme: Theme) -> Iterator[str]:
    for line_number, line in enumerate(caption):
        y = layout.height + 12 + CAPTION_LINE_HEIGHT * line_number
        yield text_element(line, layout.width / 2, y, size=CAPTION_SIZE, anchor="middle", fill=theme.quiet)


def _opacity(placed: PlacedEdge) -> str:
    """Return the opacity. It grows with the square root, so that a tenth of the highest score is visible."""
    return f"{MIN_OPACITY + (1 - MIN_OPACITY) * math.sqrt(min(max(placed.strength, 0.0), 1.0)):.2f}"


def _polyline(points: Iterable[Point]) -> str:
    return "M" + "L".join(map(_format_point, points))


def _bezier_path(start: Point, points: Iterable[Point]) -> str:
    """Continue a path through points by Bézier curves that are vertical at each point."""
    path, (x, y) = "", start
    for to_x, to_y in points:
        middle = (y + to_y) / 2
        path += f"C{_format_point((x, middle))} {_format_point((to_x, middle))} {_format_point((to_x, to_y))}"
        x, y = to_x, to_y
    return path


def _format_point(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"
