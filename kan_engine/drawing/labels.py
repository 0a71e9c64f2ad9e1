"""The texts of the diagram of a network: labels, caption, and the description for screen readers."""

from collections.abc import Mapping
from typing import Any
from unicodedata import east_asian_width

from kan_engine.drawing.layout import Edge, NetworkLayout, edge_function
from kan_engine.drawing.style import DEFAULT_STYLE, DiagramStyle
from kan_engine.drawing.svg import Theme
from kan_engine.units.headers import ends_with_unit

CHARACTER_WIDTH = 0.6  # mean width of a character as a share of the font size; the reader's font is unknown


def format_label(name: str, units: Mapping[str, str], style: DiagramStyle = DEFAULT_STYLE) -> str:
    """Return a name with its unit unless it ends with it, each cut to ``max_name_length`` characters."""
    unit, max_length = units.get(name), style.max_name_length
    label = _shorten(name, max_length)
    return label if not unit or ends_with_unit(name, unit) else f"{label} [{_shorten(unit, max_length)}]"


def _shorten(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def label_width(label: str, style: DiagramStyle) -> float:
    """Estimate the width of a label in pixels; wide East Asian characters count twice."""
    characters = sum(2 if east_asian_width(char) in "WF" else 1 for char in label)
    return style.font_size * CHARACTER_WIDTH * characters


def describe_network(picture: Mapping[str, Any], theme: Theme) -> str:
    """Describe the diagram for screen readers."""
    edges = picture["edges"]
    strongest = sorted(edges, key=lambda edge: -(edge["score"] or 0.0))[:5]
    sentences = [
        theme.say("Inputs at the bottom: {inputs}.", inputs=", ".join(picture["inputs"][:30])),
        theme.say("Outputs at the top: {outputs}.", outputs=", ".join(picture["outputs"][:30])),
        _describe_products(picture, theme),
        theme.say(
            "{count} edges, each with its activation as a curve; the strongest: {edges}.",
            count=len(edges),
            edges="; ".join(describe_edge(edge, picture, theme) for edge in strongest) or theme.say("none"),
        ),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _describe_products(picture: Mapping[str, Any], theme: Theme) -> str:
    names = [node["name"] for layer in picture["nodes"] for node in layer if is_product_node(node)]
    if not names:
        return ""
    return theme.say(
        "Nodes that multiply their inputs: {names}; all others add.", names=", ".join(names[:30])
    )


def is_product_node(node: Mapping[str, Any]) -> bool:
    """Whether a node multiplies its inputs. Documents of older models lack ``operation``: their nodes add."""
    return bool(node.get("operation", "sum") == "product")


def describe_edge(edge: Edge, picture: Mapping[str, Any], theme: Theme) -> str:
    """Return the end nodes, the function and the score of an edge as text."""
    source = node_name(picture, edge["layer"], edge["in"])
    target = node_name(picture, edge["to_layer"], edge["out"])
    function = edge_function(edge, theme.diagram)
    score = theme.localise_number(f"{edge['score'] or 0.0:.2g}")
    way = f"{source} → {target}, {function}" if function else f"{source} → {target}"
    return theme.say("{edge}, score {score}", edge=way, score=score)


def node_name(picture: Mapping[str, Any], layer: int, node: int) -> str:
    """Return the full name of a node."""
    if layer == 0:
        return str(picture["inputs"][node])
    if layer == len(picture["width"]) - 1:
        return str(picture["outputs"][node])
    return str(picture["nodes"][layer][node]["name"])


def build_caption(picture: Mapping[str, Any], layout: NetworkLayout, theme: Theme) -> list[str]:
    """Explain how to read the diagram and what it omits, in lines that fit its width."""
    sentences = [theme.say("The more opaque an edge, the higher its score within its layer.")]
    if any(is_product_node(picture["nodes"][layer][node]) for layer, node in layout.nodes):
        sentences.append(theme.say("Nodes with × multiply their inputs; all others add."))
    if any(edge.skips_layers for edge in layout.edges):
        sentences.append(theme.say("Dashed edges skip layers."))
    if layout.hidden_edges:
        sentences.append(theme.say("{count} weaker edges are not drawn.", count=layout.hidden_edges))
    if layout.hidden_inputs:
        sentences.append(
            theme.say(
                "{count} of {all} inputs are omitted: none of their edges is drawn.",
                count=layout.hidden_inputs, all=picture["width"][0],
            )
        )  # fmt: skip
    lines = [sentences[0]]
    for sentence in sentences[1:]:
        longer = f"{lines[-1]} {sentence}"
        if len(longer) * CHARACTER_WIDTH * theme.diagram.caption_size <= layout.width:
            lines[-1] = longer
        else:
            lines.append(sentence)
    return lines
