"""The picture of a network, with the options of pykan's ``plot``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer
from kan_engine.drawing.network_curves import describe_edges
from kan_engine.drawing.network_diagram import draw_network
from kan_engine.drawing.picture import Picture
from kan_engine.drawing.svg import LIGHT, Theme, number, text_element
from kan_engine.network.kan import KAN
from kan_engine.network.pruning import activation_deviations, edge_scores

Metric = Literal["backward", "forward_u", "forward_n"]
TITLE_HEIGHT = 30.0


def plot(
    network: KAN,
    x: Float[Tensor, "rows in_dim"],
    *,
    in_vars: Sequence[str] | None = None,
    out_vars: Sequence[str] | None = None,
    title: str = "",
    beta: float = 3.0,
    scale: float = 1.0,
    metric: Metric = "backward",
    theme: Theme = LIGHT,
) -> Picture:
    """Draw a network: every live activation in a box, more opaque the more it matters.

    Args:
        network: The network.
        x: Rows, for the ranges of curves and for the scores.
        in_vars, out_vars: Names of inputs and outputs; ``x1``, … and ``y1``, … by default.
        title: Text above the picture.
        beta: The opacity of an activation grows with tanh(beta · score).
        scale: Factor of the size.
        metric: The score: importance for the outputs, spread of the activation (``forward_u``), or that over
            the spread of its input (``forward_n``).
        theme: Colours and language.
    """
    names = list(in_vars or [f"x{place + 1}" for place in range(network.config.width[0])])
    outputs = list(out_vars or [f"y{place + 1}" for place in range(network.config.width[-1])])
    rows = x.detach().double().cpu().numpy()
    columns = dict(zip(names, rows.T, strict=True))
    unscaled = Standardizer(np.zeros(len(names)), np.ones(len(names)))
    encoding = Encoding.fit(columns, dict.fromkeys(names, "number"))
    document = describe_edges(network, unscaled, encoding, rows, outputs).to_dict()
    scores = _measure_edges(network, x, metric)
    for edge in document["edges"]:
        # Direct edges, which skip layers, are those of the last layer
        layer = edge["layer"] if edge["to_layer"] == edge["layer"] + 1 else len(network.stack)
        edge["score"] = float(scores[layer][edge["in"], edge["out"]])
        # A diagram shows the root of the score as opacity
        edge["score"] = math.tanh(beta * edge["score"]) ** 2
    style = theme.diagram
    boxes = replace(theme, diagram=replace(style, panels=replace(style.panels, max_curves=0)))
    return Picture(_resize(draw_network(document, theme=boxes), title, scale, theme))


@torch.no_grad()
def _measure_edges(
    network: KAN, x: Float[Tensor, "rows in_dim"], metric: Metric
) -> list[Float[Tensor, "_ _"]]:
    """The score of every edge of every layer."""
    if metric == "backward":
        return edge_scores(network, x)
    scores = []
    for layer, h in zip(network.all_layers, network.preacts(x), strict=True):
        spread = h.std(0, correction=0).clamp_min(1e-300)[:, None] if metric == "forward_n" else 1.0
        scores.append(activation_deviations(layer, h) / spread)
    return scores


def _resize(svg: str, title: str, scale: float, theme: Theme) -> str:
    """The picture below a title, in another size."""
    width, height = map(float, svg.split('viewBox="0 0 ', 1)[1].split('"', 1)[0].split())
    head = TITLE_HEIGHT if title else 0.0
    label = text_element(title, width / 2, head - 8, fill=theme.ink, size=16.0, anchor="middle", is_bold=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height + head)}" '
        f'width="{number(scale * width)}" height="{number(scale * (height + head))}">'
        f'<rect width="100%" height="100%" fill="{theme.paper}"/>{label if title else ""}'
        f'{svg.replace("<svg ", f"""<svg y="{number(head)}" """, 1)}</svg>'
    )
