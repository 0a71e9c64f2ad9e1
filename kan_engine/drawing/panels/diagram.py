"""The diagram of a network of few curves, each in a panel that a person can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kan_engine.drawing.fitted_text import list_names, text_width, wrap_sentences, write_text
from kan_engine.drawing.labels import is_product_node, node_name
from kan_engine.drawing.panels.curves import (
    Curve,
    Place,
    keep_strongest,
    list_unused_inputs,
    mean_output,
    read_curves,
)
from kan_engine.drawing.panels.layout import CurveLayout, PlacedLine, PlacedNode, lay_out_curves
from kan_engine.drawing.panels.panel import draw_panel, opacity
from kan_engine.drawing.panels.plot import measure_gutter
from kan_engine.drawing.svg import Theme, escape_text, number, svg_document, text_element
from kan_engine.drawing.translations import format_end


def draw_curves(
    picture: Mapping[str, Any], *, units: Mapping[str, str], outputs: list[str], theme: Theme
) -> str:
    """Draw a network of few curves.

    Args:
        picture: The edges document of a model.
        units: Units of inputs and outputs by name.
        outputs: Labels of the outputs.
        theme: Colours, language and measures.
    """
    style, top_layer = theme.diagram.panels, len(picture["width"]) - 1
    all_curves = read_curves(picture, theme.diagram)
    places = [(top_layer, number_) for number_ in range(len(outputs))]
    curves = keep_strongest(all_curves, style.max_curves, places)
    head_room = style.label_size + style.text_size + 14
    means = [_write_mean(picture, number_, theme) for number_ in range(len(outputs))]
    longest = max(
        max(text_width(label, style.label_size), text_width(mean, style.text_size))
        for label, mean in zip(outputs, means, strict=True)
    )
    max_width = (style.width - 2 * style.margin) / min(style.max_sections, len(outputs))
    layout = lay_out_curves(curves, places, style, head_room=head_room, label_width=min(longest, max_width))
    footer = _write_footer(picture, layout, len(all_curves) - len(curves), theme)
    line_height = style.text_size + 5
    gutter = measure_gutter(curves, theme)
    return svg_document(
        layout.width,
        layout.height + style.gap + line_height * len(footer) + style.margin,
        title=theme.say(
            "Kolmogorov-Arnold network [{shape}] for {outputs}",
            shape=", ".join(map(str, picture["width"])), outputs=", ".join(picture["outputs"]),
        ),
        description=_describe(picture, curves, outputs, theme),
        theme=theme,
        body=[
            *(_draw_line(line, theme) for line in layout.lines),
            *(
                draw_panel(panel, units, _describe_curve(panel.curve, picture, outputs, theme), gutter, theme)
                for panel in layout.panels
            ),
            *_draw_nodes(picture, layout, outputs, theme),
            *_draw_footer(footer, layout, theme),
        ],
    )  # fmt: skip


def _draw_line(line: PlacedLine, theme: Theme) -> str:
    points = "L".join(f"{number(x)},{number(y)}" for x, y in line.points)
    width = number(0.8 + 1.2 * line.strength)
    return (
        f'<path d="M{points}" fill="none" stroke="{theme.line}" stroke-width="{width}" '
        f'stroke-opacity="{opacity(line.strength, theme)}" stroke-linecap="round"/>'
    )


def _draw_nodes(
    picture: Mapping[str, Any], layout: CurveLayout, outputs: list[str], theme: Theme
) -> Iterator[str]:
    """Draw every node with its sign, and its name above or beside it."""
    style = theme.diagram.panels
    for node in layout.nodes:
        (x, y), is_product = node.at, _is_product(picture, node.place)
        name = _name_node(picture, node.place, outputs)
        title = theme.say("{name}, the product of its inputs", name=name) if is_product else name
        radius = style.node_radius if node.inputs > 1 else style.plain_radius
        yield (
            f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{theme.ink}">'
            f"<title>{escape_text(title)}</title></circle>"
        )
        if node.inputs > 1:
            yield _draw_sign(x, y, is_product, theme)
        if node.name_at == "above":
            yield from _draw_head(picture, node, name, theme)
        elif node.name_at == "right":
            yield text_element(name, x + style.node_radius + 5, y + 4, size=style.text_size, fill=theme.quiet)


def _draw_head(picture: Mapping[str, Any], node: PlacedNode, name: str, theme: Theme) -> Iterator[str]:
    """Write the name of an output above its node, and the value around which its curves vary."""
    style, (x, y) = theme.diagram.panels, node.at
    layer, output = node.place
    mean = _write_mean(picture, output, theme) if layer == len(picture["width"]) - 1 else ""
    y -= style.node_radius + 8
    above = y - style.text_size - 6 if mean else y
    size = style.label_size
    yield write_text(name, x, above, node.room, size=size, fill=theme.ink, anchor="middle", is_bold=True)
    if mean:
        yield text_element(mean, x, y, size=style.text_size, anchor="middle", fill=theme.quiet)


def _write_mean(picture: Mapping[str, Any], output: int, theme: Theme) -> str:
    """Return the value around which the curves of an output vary as text, or "" if it is not known."""
    mean = mean_output(picture, output)
    if mean is None:
        return ""
    return theme.say("= {mean} + the sum of the curves", mean=theme.localise_number(format_end(mean)))


def _draw_sign(x: float, y: float, is_product: bool, theme: Theme) -> str:
    """Draw the sign × or + as lines, because fonts place it differently."""
    half_side = theme.diagram.panels.sign_half_side
    if is_product:
        half_side *= 0.8
        ends = (
            ((x - half_side, y - half_side), (x + half_side, y + half_side)),
            ((x - half_side, y + half_side), (x + half_side, y - half_side)),
        )
    else:
        ends = ((x - half_side, y), (x + half_side, y)), ((x, y - half_side), (x, y + half_side))
    path = "".join(f"M{number(a)},{number(b)}L{number(c)},{number(d)}" for (a, b), (c, d) in ends)
    return (
        f'<path d="{path}" stroke="{theme.paper}" stroke-width="1.8" stroke-linecap="round" '
        f'pointer-events="none"/>'
    )


def _is_product(picture: Mapping[str, Any], place: Place) -> bool:
    return is_product_node(picture["nodes"][place[0]][place[1]])


def _name_node(picture: Mapping[str, Any], place: Place, outputs: list[str]) -> str:
    is_output = place[0] == len(picture["width"]) - 1
    return outputs[place[1]] if is_output else node_name(picture, *place)


def _describe_curve(curve: Curve, picture: Mapping[str, Any], outputs: list[str], theme: Theme) -> str:
    """Return the ends, the function and the score of a curve as text."""
    way = f"{curve.name} → {_name_node(picture, curve.target, outputs)}"
    way += f", {curve.function}" if curve.function else ""
    return theme.say("{edge}, score {score}", edge=way, score=theme.localise_number(f"{curve.score:.2g}"))


def _describe(picture: Mapping[str, Any], curves: list[Curve], outputs: list[str], theme: Theme) -> str:
    """Describe the diagram for screen readers."""
    products = [node["name"] for layer in picture["nodes"] for node in layer if is_product_node(node)]
    unused_inputs = list_unused_inputs(picture)
    sentences = [
        theme.say("Outputs at the top: {outputs}.", outputs=", ".join(outputs)),
        theme.say("Nodes that multiply their inputs: {names}; all others add.", names=", ".join(products))
        if products
        else "",
        theme.say(
            "{count} curves, the strongest first: {curves}.",
            count=len(curves),
            curves="; ".join(_describe_curve(curve, picture, outputs, theme) for curve in curves)
            or theme.say("none"),
        ),
        theme.say("Unused: {names}.", names=", ".join(unused_inputs)) if unused_inputs else "",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _write_footer(
    picture: Mapping[str, Any], layout: CurveLayout, left_out: int, theme: Theme
) -> list[tuple[str, str]]:
    """Return the lines below the diagram: how to read it, and the unused inputs, with their tooltips."""
    style = theme.diagram.panels
    room = layout.width - 2 * style.margin
    sentences = [theme.say("Below a curve: the range of its input; left: its contribution.")]
    is_relative = any(mean_output(picture, number_) is not None for number_ in range(picture["width"][-1]))
    if is_relative:
        sentences.append(theme.say("Contributions to sums are relative to their means."))
    sentences.append(theme.say("The more opaque an edge, the higher its score within its layer."))
    if left_out:
        sentences.append(theme.say("{count} weaker edges are not drawn.", count=left_out))
    lines = [(line, "") for line in wrap_sentences(sentences, room, style.text_size)]
    unused_inputs = list_unused_inputs(picture)
    if unused_inputs:
        prefix = theme.say("Unused: {names}.", names="")
        names = list_names(
            unused_inputs,
            room - text_width(prefix, style.text_size),
            style.text_size,
            lambda count: theme.say("and {count} more", count=count),
        )
        lines.append((theme.say("Unused: {names}.", names=names), ", ".join(unused_inputs)))
    return lines


def _draw_footer(footer: list[tuple[str, str]], layout: CurveLayout, theme: Theme) -> Iterator[str]:
    style = theme.diagram.panels
    for place, (line, full) in enumerate(footer):
        y = layout.height + style.gap + (style.text_size + 5) * (place + 1)
        yield write_text(
            line, layout.width / 2, y, layout.width - 2 * style.margin, size=style.text_size,
            fill=theme.quiet, anchor="middle", full=full,
        )  # fmt: skip
