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
    build_caption,
    describe_edge,
    describe_network,
    format_label,
    is_product_node,
    label_width,
    node_name,
)
from kan_engine.drawing.layout import (
    Edge,
    NetworkLayout,
    PlacedEdge,
    edge_function,
    lay_out,
)
from kan_engine.drawing.panels.curves import count_curves
from kan_engine.drawing.panels.diagram import draw_curves
from kan_engine.drawing.style import DiagramStyle
from kan_engine.drawing.svg import LIGHT, Theme, escape_text, number, svg_document, text_element
from kan_engine.units.headers import ends_with_unit


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
        theme: Colours, language and measures.
    """
    style = theme.diagram
    if style.panels.is_cut or count_curves(picture) <= style.panels.max_curves:
        labels = [f"{before}{_append_unit(name, units)}{after}" for name in picture["outputs"]]
        return draw_curves(picture, units=units, outputs=labels, theme=theme)
    inputs = [format_label(name, units, style) for name in picture["inputs"]]
    outputs = [f"{before}{format_label(name, units, style)}{after}" for name in picture["outputs"]]
    longest = max(label_width(label, style) for label in inputs)
    is_slanted = len(inputs) * (longest + 14) > style.max_names_width
    slant_left, slant_down = style.slant
    layout = lay_out(
        picture,
        input_room=30.0 if is_slanted else longest + 14,
        output_room=max(label_width(label, style) for label in outputs) + 14,
        label_room=12 + slant_down * longest if is_slanted else 18.0,
        left_room=slant_left * label_width(inputs[0], style) if is_slanted else 0.0,
        style=style,
    )
    caption = build_caption(picture, layout, theme)
    titled_picture = {**picture, "outputs": [f"{before}{name}{after}" for name in picture["outputs"]]}
    shape = ", ".join(str(nodes) for nodes in picture["width"])
    return svg_document(
        layout.width,
        layout.height + 24 + style.caption_line_height * len(caption),
        title=theme.say(
            "Kolmogorov-Arnold network [{shape}] for {outputs}",
            shape=shape, outputs=", ".join(picture["outputs"]),
        ),
        description=describe_network(titled_picture, theme),
        theme=theme,
        body=[
            *(_draw_edge_line(edge, theme) for edge in layout.edges),
            *(_draw_activation(edge, titled_picture, layout.box, theme) for edge in layout.edges),
            *_draw_nodes(titled_picture, layout, inputs, outputs, is_slanted, theme),
            *_draw_caption(caption, layout, theme),
        ],
    )  # fmt: skip


def _append_unit(name: str, units: Mapping[str, str]) -> str:
    unit = units.get(name)
    return name if not unit or ends_with_unit(name, unit) else f"{name} [{unit}]"


def _draw_edge_line(edge: PlacedEdge, theme: Theme) -> str:
    """Draw the line of an edge, dashed if the edge skips layers. Lines lie below all other elements."""
    *passing, node = edge.way
    path = f"{_polyline(edge.enters)}{_polyline(edge.leaves)}{_bezier_path(edge.leaves[-1], passing)}"
    path += f"L{_format_point(node)}"
    dashes = ' stroke-dasharray="5 3"' if edge.skips_layers else ""
    return (
        f'<path d="{path}" fill="none" stroke="{theme.line}" '
        f'stroke-width="{number(0.8 + 1.2 * edge.strength)}" '
        f'stroke-opacity="{_opacity(edge, theme)}"{dashes}/>'
    )


def _draw_activation(
    placement: PlacedEdge, picture: Mapping[str, Any], box: tuple[float, float], theme: Theme
) -> str:
    """Draw the box with the curve and its tooltip."""
    width, height = box
    x_left, top = placement.box[0] - width / 2, placement.box[1] - height / 2
    function = edge_function(placement.edge, theme.diagram)
    colour, frame = (theme.symbolic, theme.symbolic) if function else (theme.spline, theme.ink)
    is_small = width < theme.diagram.small_box_width
    curve = _curve_path(placement.edge, x_left, top + height - width, width, is_coarse=is_small)
    ink = f'stroke-opacity="{_opacity(placement, theme)}"'
    return (
        f"<g {_edge_attributes(placement.edge)}>"
        f"<title>{escape_text(describe_edge(placement.edge, picture, theme))}</title>"
        f'<rect x="{number(x_left)}" y="{number(top)}" width="{number(width)}" height="{number(height)}" '
        f'rx="3" fill="{theme.paper}" stroke="{frame}" stroke-width="1" {ink}/>'
        f"{_draw_function_name(function, placement.box[0], top, width, theme)}"
        f'<path d="{curve}" fill="none" stroke="{colour}" stroke-linejoin="round" '
        f'stroke-width="{1.3 if is_small else 1.8}" {ink}/></g>'
    )


def _edge_attributes(edge: Edge) -> str:
    """Return the ``data-`` attributes by which a web page identifies the edge."""
    places = {"layer": edge["layer"], "in": edge["in"], "to-layer": edge["to_layer"], "out": edge["out"]}
    return " ".join(f'data-{name}="{int(place)}"' for name, place in places.items())


def _draw_function_name(function: str, x: float, top: float, width: float, theme: Theme) -> str:
    size = theme.diagram.caption_size
    if not function or len(function) * size > 1.6 * width:  # the tooltip has what would be illegible
        return ""
    y = top + theme.diagram.label_height - 2.5
    return text_element(function, x, y, size=size, anchor="middle", fill=theme.symbolic)


def _curve_path(edge: Edge, x_left: float, top: float, side: float, *, is_coarse: bool) -> str:
    """Return the path of the activation, scaled to its square, with gaps where it is not finite."""
    step = max(1, len(edge["x"]) // 50) if is_coarse else 1
    points = list(zip(edge["x"], edge["y"], strict=True))[::step]
    finite = [point for point in points if _is_finite(point)]
    if not finite:
        return ""
    bounds = [(min(values), max(values)) for values in zip(*finite, strict=True)]
    path, is_open = "", False
    for point in points:
        if _is_finite(point):
            x = x_left + side * _scale_to_box(point[0], *bounds[0])
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
    top_layer, style = len(picture["width"]) - 1, theme.diagram
    busy = {node for placement in layout.edges for node in _end_nodes(placement.edge)}
    for (layer, node), (x, y) in sorted(layout.nodes.items()):
        fill = theme.ink if (layer, node) in busy else theme.idle
        is_product = is_product_node(picture["nodes"][layer][node])
        name = node_name(picture, layer, node)
        title = theme.say("{name}, the product of its inputs", name=name) if is_product else name
        radius = number(style.product_radius if is_product else style.node_radius)
        yield (
            f'<circle cx="{number(x)}" cy="{number(y)}" r="{radius}" fill="{fill}">'
            f"<title>{escape_text(title)}</title></circle>"
        )
        if is_product:
            yield _draw_times_sign(x, y, theme)
        if layer == 0:
            colour = theme.ink if (layer, node) in busy else theme.quiet
            yield _draw_input_name(inputs[node], x, y, is_slanted, colour, style)
        elif layer == top_layer:
            label, size = outputs[node], style.font_size
            yield text_element(label, x, y - 14, size=size, anchor="middle", fill=theme.ink)


def _draw_times_sign(x: float, y: float, theme: Theme) -> str:
    """Draw the sign × as lines, because fonts place it differently. The node receives its pointer events."""
    half_side = theme.diagram.times_half_side
    falling = _polyline([(x - half_side, y - half_side), (x + half_side, y + half_side)])
    rising = _polyline([(x - half_side, y + half_side), (x + half_side, y - half_side)])
    return (
        f'<path d="{falling}{rising}" stroke="{theme.paper}" stroke-width="1.8" stroke-linecap="round" '
        f'pointer-events="none"/>'
    )


def _end_nodes(edge: Edge) -> tuple[tuple[int, int], tuple[int, int]]:
    return (edge["layer"], edge["in"]), (edge["to_layer"], edge["out"])


def _draw_input_name(
    label: str, x: float, y: float, is_slanted: bool, colour: str, style: DiagramStyle
) -> str:
    size = style.font_size
    if not is_slanted:
        return text_element(label, x, y + 22, size=size, anchor="middle", fill=colour)
    turn = -style.slant_degrees
    return text_element(label, x - 8, y + 12, size=size, anchor="end", fill=colour, turn=turn, around=(x, y))


def _draw_caption(caption: list[str], layout: NetworkLayout, theme: Theme) -> Iterator[str]:
    size, line_height = theme.diagram.caption_size, theme.diagram.caption_line_height
    for line_number, line in enumerate(caption):
        y = layout.height + 12 + line_height * line_number
        yield text_element(line, layout.width / 2, y, size=size, anchor="middle", fill=theme.quiet)


def _opacity(edge: PlacedEdge, theme: Theme) -> str:
    """Return the opacity. It grows with the square root, so that a tenth of the highest score is visible."""
    min_opacity, strength = theme.diagram.min_opacity, min(max(edge.strength, 0.0), 1.0)
    return f"{min_opacity + (1 - min_opacity) * math.sqrt(strength):.2f}"


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
