"""What the picture of a network says: labels, its description for those who cannot see it, its caption."""

from collections.abc import Mapping
from typing import Any
from unicodedata import east_asian_width

from service.drawing_layout import Edge, Layout, function_of

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


def describe(picture: Mapping[str, Any]) -> str:
    """What the picture shows, for those who cannot see it."""
    edges = picture["edges"]
    strongest = sorted(edges, key=lambda edge: -(edge["score"] or 0.0))[:5]
    told = "; ".join(tell(edge, picture) for edge in strongest)
    inputs, outputs = ", ".join(picture["inputs"][:30]), ", ".join(picture["outputs"][:30])
    return (
        f"Inputs at the bottom: {inputs}. Outputs on top: {outputs}. {_products(picture)}"
        f"{len(edges)} edges, each with its activation as a curve; the strongest: {told or 'none'}."
    )


def _products(picture: Mapping[str, Any]) -> str:
    names = [node["name"] for layer in picture["nodes"] for node in layer if multiplies(node)]
    return f"Nodes that multiply what enters them: {', '.join(names[:30])}; all others add. " if names else ""


def multiplies(node: Mapping[str, Any]) -> bool:
    """Networks that were drawn before there were products do not say what their nodes do: they add."""
    return bool(node.get("operation", "sum") == "product")


def tell(edge: Edge, picture: Mapping[str, Any]) -> str:
    """Where an edge leads, its function and its score."""
    source = name_of(picture, edge["layer"], edge["in"])
    target = name_of(picture, edge["to_layer"], edge["out"])
    function = function_of(edge)
    return f"{source} → {target}{', ' + function if function else ''}, score {edge['score'] or 0.0:.2g}"


def name_of(picture: Mapping[str, Any], layer: int, node: int) -> str:
    """The name of a node, in full."""
    if layer == 0:
        return str(picture["inputs"][node])
    if layer == len(picture["width"]) - 1:
        return str(picture["outputs"][node])
    return str(picture["nodes"][layer][node]["name"])


def caption_of(picture: Mapping[str, Any], layout: Layout) -> list[str]:
    """How to read the picture, and what it leaves out, in lines that fit."""
    told = ["The stronger the ink, the more an edge matters within its layer."]
    if any(multiplies(picture["nodes"][layer][node]) for layer, node in layout.nodes):
        told.append("Nodes with × multiply what enters them, all others add.")
    if any(placed.skips for placed in layout.edges):
        told.append("Dashed edges skip layers.")
    if layout.hidden_edges:
        told.append(f"{layout.hidden_edges} weaker edges are not drawn.")
    if layout.hidden_inputs:
        told.append(
            f"{layout.hidden_inputs} of {picture['width'][0]} inputs without an edge drawn are left out."
        )
    lines = [told[0]]
    for sentence in told[1:]:
        longer = f"{lines[-1]} {sentence}"
        if len(longer) * CHARACTER * CAPTION_SIZE <= layout.width:
            lines[-1] = longer
        else:
            lines.append(sentence)
    return lines
