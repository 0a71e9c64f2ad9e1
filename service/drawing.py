"""The picture of a network as SVG, written by hand: no library, no script, the same bytes each time.

Every edge carries its activation as a curve in a box, drawn the stronger the more it matters. A
name from a client appears only as escaped text.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape

from service.drawing_blocks import Point
from service.drawing_layout import LABEL, Edge, Layout, PlacedEdge, function_of, lay_out
from service.drawing_words import (
    CAPTION_SIZE,
    FONT_SIZE,
    caption_of,
    describe,
    label_of,
    multiplies,
    name_of,
    tell,
    width_of,
)

# Okabe and Ito's colours can be told apart whatever colours a reader sees.
SPLINE, SYMBOLIC = "#0072b2", "#b34700"
INK, QUIET, LINE, PAPER = "#1a1a1a", "#5c6670", "#4d5863", "#ffffff"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
ROOM_FOR_NAMES = 1_600.0  # beside each other; names that need more are slanted
SLANT = -40
SLANT_DOWN, SLANT_LEFT = math.sin(math.radians(40)), math.cos(math.radians(40))
NODE, PRODUCT_NODE, TIMES = 5.0, 8.0, 3.4  # radii, and half the side of the sign
CAPTION_LINE = 16.0
FAINTEST = 0.14
SMALL = 36.0  # boxes below this width get thinner and coarser curves


def draw_network(
    picture: Mapping[str, Any],
    *,
    units: Mapping[str, str] = MappingProxyType({}),
    before: str = "",
    after: str = "",
) -> str:
    """Draw a network.

    Args:
        picture: The edges document of a model: ``inputs``, ``outputs``, ``width``, ``nodes``, ``edges``.
        units: Units of inputs and outputs by name.
        before: What stands before the name of every output, for example ``log(``.
        after: What stands behind it.
    """
    inputs = [label_of(name, units) for name in picture["inputs"]]
    outputs = [f"{before}{label_of(name, units)}{after}" for name in picture["outputs"]]
    longest = max(map(width_of, inputs))
    is_slanted = len(inputs) * (longest + 14) > ROOM_FOR_NAMES
    layout = lay_out(
        picture,
        input_room=30.0 if is_slanted else longest + 14,
        output_room=max(map(width_of, outputs)) + 14,
        label_room=12 + SLANT_DOWN * longest if is_slanted else 18.0,
        left_room=SLANT_LEFT * width_of(inputs[0]) if is_slanted else 0.0,
    )
    caption = caption_of(picture, layout)
    told = {**picture, "outputs": [f"{before}{name}{after}" for name in picture["outputs"]]}
    return "\n".join(
        [
            *_head(picture, layout, describe(told), layout.height + 24 + CAPTION_LINE * len(caption)),
            *map(_lines, layout.edges),
            *(_activation(placed, told, layout.box) for placed in layout.edges),
            *_nodes(told, layout, inputs, outputs, is_slanted),
            *_caption_lines(caption, layout),
            "</svg>\n",
        ]
    )


def _head(picture: Mapping[str, Any], layout: Layout, description: str, height: float) -> Iterator[str]:
    size = f'width="{_number(layout.width)}" height="{_number(height)}"'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_number(layout.width)} {_number(height)}" '
        f'{size} role="img" aria-labelledby="title description" font-family="{FONT}">'
    )
    shape = ", ".join(str(nodes) for nodes in picture["width"])
    outputs = _text(", ".join(picture["outputs"]))
    yield f'<title id="title">Kolmogorov-Arnold network [{shape}] for {outputs}</title>'
    yield f'<desc id="description">{_text(description)}</desc>'
    yield f'<rect {size} fill="{PAPER}"/>'


def _lines(placed: PlacedEdge) -> str:
    """The edge itself, below everything else; dashed if it skips layers."""
    *passing, node = placed.way
    path = f"{_polyline(placed.enters)}{_polyline(placed.leaves)}{_bends(placed.leaves[-1], passing)}"
    path += f"L{_point(node)}"
    dashes = ' stroke-dasharray="5 3"' if placed.skips else ""
    return (
        f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="{_number(0.8 + 1.2 * placed.strength)}" '
        f'stroke-opacity="{_opacity(placed)}"{dashes}/>'
    )


def _activation(placed: PlacedEdge, picture: Mapping[str, Any], box: tuple[float, float]) -> str:
    """The box with the curve, and what it says when pointed at."""
    width, height = box
    left, top = placed.box[0] - width / 2, placed.box[1] - height / 2
    function = function_of(placed.edge)
    colour, frame = (SYMBOLIC, SYMBOLIC) if function else (SPLINE, INK)
    curve = _curve(placed.edge, left, top + height - width, width)
    ink = f'stroke-opacity="{_opacity(placed)}"'
    return (
        f"<g><title>{_text(tell(placed.edge, picture))}</title>"
        f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(width)}" height="{_number(height)}" '
        f'rx="3" fill="{PAPER}" stroke="{frame}" stroke-width="1" {ink}/>'
        f"{_function_name(function, placed.box[0], top, width)}"
        f'<path d="{curve}" fill="none" stroke="{colour}" stroke-linejoin="round" '
        f'stroke-width="{1.8 if width >= SMALL else 1.3}" {ink}/></g>'
    )


def _function_name(function: str, x: float, top: float, width: float) -> str:
    if not function:
        return ""
    size = min(11.0, 1.6 * width / len(function))
    return (
        f'<text x="{_number(x)}" y="{_number(top + LABEL - 2.5)}" font-size="{_number(size)}" '
        f'text-anchor="middle" fill="{SYMBOLIC}">{_text(function)}</text>'
    )


def _curve(edge: Edge, left: float, top: float, side: float) -> str:
    """The activation, scaled to its square; a gap where it is not finite."""
    step = max(1, len(edge["x"]) // 50) if side < SMALL else 1
    points = list(zip(edge["x"], edge["y"], strict=True))[::step]
    finite = [point for point in points if _is_finite(point)]
    if not finite:
        return ""
    bounds = [(min(values), max(values)) for values in zip(*finite, strict=True)]
    path, is_open = "", False
    for point in points:
        if _is_finite(point):
            x = left + side * _share(point[0], *bounds[0])
            y = top + side * (1 - _share(point[1], *bounds[1]))
            path += f"{'L' if is_open else 'M'}{_number(x)},{_number(y)}"
        is_open = _is_finite(point)
    return path


def _is_finite(point: tuple[float | None, float | None]) -> bool:
    return all(value is not None and math.isfinite(value) for value in point)


def _share(value: float, low: float, high: float) -> float:
    """Place between the sides of a box, with a little room; in the middle if nothing varies."""
    return 0.12 + 0.76 * (value - low) / (high - low) if high > low else 0.5


def _nodes(
    picture: Mapping[str, Any], layout: Layout, inputs: list[str], outputs: list[str], is_slanted: bool
) -> Iterator[str]:
    """A dot per node, with a sign in those that multiply; inputs and outputs with their names."""
    last = len(picture["width"]) - 1
    busy = {node for placed in layout.edges for node in _ends(placed.edge)}
    for (layer, node), (x, y) in sorted(layout.nodes.items()):
        fill = INK if (layer, node) in busy else "#b5bcc2"
        is_product = multiplies(picture["nodes"][layer][node])
        title = name_of(picture, layer, node) + (", the product of what enters it" if is_product else "")
        radius = _number(PRODUCT_NODE if is_product else NODE)
        yield (
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{radius}" fill="{fill}">'
            f"<title>{_text(title)}</title></circle>"
        )
        if is_product:
            yield _times(x, y)
        if layer == 0:
            yield _input_name(inputs[node], x, y, is_slanted, (layer, node) in busy)
        elif layer == last:
            yield _words(outputs[node], x, y - 14, anchor="middle", fill=INK)


def _times(x: float, y: float) -> str:
    """The sign ×, as lines: fonts differ in where it stands. Pointing at it is pointing at its node."""
    falling = _polyline([(x - TIMES, y - TIMES), (x + TIMES, y + TIMES)])
    rising = _polyline([(x - TIMES, y + TIMES), (x + TIMES, y - TIMES)])
    return (
        f'<path d="{falling}{rising}" stroke="{PAPER}" stroke-width="1.8" stroke-linecap="round" '
        f'pointer-events="none"/>'
    )


def _ends(edge: Edge) -> tuple[tuple[int, int], tuple[int, int]]:
    return (edge["layer"], edge["in"]), (edge["to_layer"], edge["out"])


def _input_name(label: str, x: float, y: float, is_slanted: bool, is_busy: bool) -> str:
    fill = INK if is_busy else QUIET
    if not is_slanted:
        return _words(label, x, y + 22, anchor="middle", fill=fill)
    turn = f' transform="rotate({SLANT} {_number(x)} {_number(y)})"'
    return _words(label, x - 8, y + 12, anchor="end", fill=fill, more=turn)


def _words(label: str, x: float, y: float, *, anchor: str, fill: str, more: str = "") -> str:
    return (
        f'<text x="{_number(x)}" y="{_number(y)}" font-size="{_number(FONT_SIZE)}" '
        f'text-anchor="{anchor}" fill="{fill}"{more}>{_text(label)}</text>'
    )


def _caption_lines(caption: list[str], layout: Layout) -> Iterator[str]:
    for number, line in enumerate(caption):
        y = layout.height + 12 + CAPTION_LINE * number
        yield (
            f'<text x="{_number(layout.width / 2)}" y="{_number(y)}" font-size="{_number(CAPTION_SIZE)}" '
            f'text-anchor="middle" fill="{QUIET}">{_text(line)}</text>'
        )


def _opacity(placed: PlacedEdge) -> str:
    """Square root, so that edges of a tenth of the strongest one's score are still well seen."""
    return f"{FAINTEST + (1 - FAINTEST) * math.sqrt(min(max(placed.strength, 0.0), 1.0)):.2f}"


def _polyline(points: Iterable[Point]) -> str:
    return "M" + "L".join(map(_point, points))


def _bends(start: Point, points: Iterable[Point]) -> str:
    """A path that goes on through points and is upright in each of them."""
    path, (x, y) = "", start
    for to_x, to_y in points:
        middle = (y + to_y) / 2
        path += f"C{_point((x, middle))} {_point((to_x, middle))} {_point((to_x, to_y))}"
        x, y = to_x, to_y
    return path


def _point(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _number(value: float) -> str:
    """One decimal is a tenth of a pixel; no trailing zeros, no minus zero."""
    return f"{round(value, 1) + 0.0:g}"


def _text(value: str) -> str:
    """Text as XML: markup escaped, and characters that XML forbids replaced."""
    return escape("".join(char if _is_xml(ord(char)) else "\ufffd" for char in value), {'"': "&quot;"})


def _is_xml(code: int) -> bool:
    """The production ``Char`` of XML 1.0, without the control characters that it only discourages."""
    return 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
