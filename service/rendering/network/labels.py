"""What the picture of a network says: labels, its description for those who cannot see it, its caption."""

from collections.abc import Mapping
from typing import Any
from unicodedata import east_asian_width

from service.rendering.network.layout import Edge, Layout, function_of
from service.rendering.svg import Theme

FONT_SIZE, CAPTION_SIZE = 13.0, 11.0
CHARACTER = 0.6  # mean width, of the size; the reader's font is not known
LONGEST_NAME = 40


def label_of(name: str, units: Mapping[str, str]) -> str:
    """A name with its unit, shortened where nobody would read it."""
    unit = units.get(name)
    return _shortened(name) + (f" [{_shortened(unit)}]" if unit else "")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def width_of(label: str) -> float:
    """About what a label takes beside others; Chinese and the like take twice as much."""
    return FONT_SIZE * CHARACTER * sum(2 if east_asian_width(char) in "WF" else 1 for char in label)


def describe(picture: Mapping[str, Any], theme: Theme) -> str:
    """What the picture shows, for those who cannot see it."""
    edges = picture["edges"]
    strongest = sorted(edges, key=lambda edge: -(edge["score"] or 0.0))[:5]
    told = [
        theme.say("Inputs at the bottom: {inputs}.", inputs=", ".join(picture["inputs"][:30])),
        theme.say("Outputs on top: {outputs}.", outputs=", ".join(picture["outputs"][:30])),
        _products(picture, theme),
        theme.say(
            "{count} edges, each with its activation as a curve; the strongest: {edges}.",
            count=len(edges),
            edges="; ".join(tell(edge, picture, theme) for edge in strongest) or theme.say("none"),
        ),
    ]
    return " ".join(sentence for sentence in told if sentence)


def _products(picture: Mapping[str, Any], theme: Theme) -> str:
    names = [node["name"] for layer in picture["nodes"] for node in layer if multiplies(node)]
    if not names:
        return ""
    return theme.say(
        "Nodes that multiply what enters them: {names}; all others add.", names=", ".join(names[:30])
    )


def multiplies(node: Mapping[str, Any]) -> bool:
    """Networks that were drawn before there were products do not say what their nodes do: they add."""
    return bool(node.get("operation", "sum") == "product")


def tell(edge: Edge, picture: Mapping[str, Any], theme: Theme) -> str:
    """Where an edge leads, its function and its score."""
    source = name_of(picture, edge["layer"], edge["in"])
    target = name_of(picture, edge["to_layer"], edge["out"])
    function = function_of(edge)
    score = theme.written(f"{edge['score'] or 0.0:.2g}")
    way = f"{source} → {target}, {function}" if function else f"{source} → {target}"
    return theme.say("{edge}, score {score}", edge=way, score=score)


def name_of(picture: Mapping[str, Any], layer: int, node: int) -> str:
    """The name of a node, in full."""
    if layer == 0:
        return str(picture["inputs"][node])
    if layer == len(picture["width"]) - 1:
        return str(picture["outputs"][node])
    return str(picture["nodes"][layer][node]["name"])


def caption_of(picture: Mapping[str, Any], layout: Layout, theme: Theme) -> list[str]:
    """How to read the picture, and what it leaves out, in lines that fit."""
    told = [theme.say("The stronger the ink, the more an edge matters within its layer.")]
    if any(multiplies(picture["nodes"][layer][node]) for layer, node in layout.nodes):
        told.append(theme.say("Nodes with × multiply what enters them, all others add."))
    if any(placed.skips for placed in layout.edges):
        told.append(theme.say("Dashed edges skip layers."))
    if layout.hidden_edges:
        told.append(theme.say("{count} weaker edges are not drawn.", count=layout.hidden_edges))
    if layout.hidden_inputs:
        told.append(
            theme.say(
                "{count} of {all} inputs without an edge drawn are left out.",
                count=layout.hidden_inputs, all=picture["width"][0],
            )
        )  # fmt: skip
    lines = [told[0]]
    for sentence in told[1:]:
        longer = f"{lines[-1]} {sentence}"
        if len(longer) * CHARACTER * CAPTION_SIZE <= layout.width:
            lines[-1] = longer
        else:
            lines.append(sentence)
    return lines
