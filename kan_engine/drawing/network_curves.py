"""Data for the drawing of a network: activation curves, scores and ranked functions per edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer
from kan_engine.network.kan import KAN
from kan_engine.network.pruning import edge_scores
from kan_engine.symbolic.univariate_fit import Suggestion, suggest_symbolic

CURVE_POINTS = 61  # per curve
MAX_EDGES = 10_000  # more would be illegible, and the description as large as many tables
MAX_SUGGESTIONS = 8  # per edge
MAX_SUGGESTED_EDGES = 24  # the strongest edges; more would delay the result
MAX_SAMPLE_ROWS = 2000
COMPLEXITY_WEIGHT = 0.8  # pykan's weight of complexity against fit in the total
R2_RESOLUTION = 1e-5  # pykan's value; smaller differences of 1 - R² are ignored


def describe_edges(
    network: KAN,
    inputs: Standardizer,
    encoding: Encoding,
    encoded: np.ndarray,
    outputs: Sequence[str],
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Nodes and active edges; of very many edges, those with the highest scores.

    Curves of the first layer are in the client's units.

    Args:
        network: The network to draw.
        inputs: Scale of the encoded columns.
        encoding: Encoding of the client's columns.
        encoded: Training rows [n, d], for scores and ranges.
        outputs: Names of the outputs.
        should_stop: Once true, no further edge gets suggestions.
    """
    rows = encoded[np.linspace(0, len(encoded) - 1, min(MAX_SAMPLE_ROWS, len(encoded))).astype(int)]
    x = torch.from_numpy(inputs.forward(rows))
    entering, scores = network.preacts(x), edge_scores(network, x)
    depth = len(network.stack)
    shown = _select_edges([layer.mask for layer in network.all_layers], scores)
    edges = []
    for number, (layer, h, score) in enumerate(zip(network.all_layers, entering, scores, strict=True)):
        source, target = (number, number + 1) if number < depth else (0, depth)
        seen = torch.from_numpy(rows) if source == 0 else h
        at, curves = _sample_curves(layer, h, seen)
        for i, j in torch.nonzero(shown[number]).tolist():
            edges.append(
                {"layer": source, "in": i, "to_layer": target, "out": j, "score": float(score[i, j])}
                | {"x": at[:, i].tolist(), "y": curves[:, i, j].tolist(), "suggestions": []}
                | {"function": layer.symbolic[i, j].function if (i, j) in layer.symbolic else None}
            )
    _add_suggestions(edges, should_stop)
    return describe_nodes(network, encoding, outputs) | {"edges": edges}


def describe_nodes(network: KAN, encoding: Encoding, outputs: Sequence[str]) -> dict[str, Any]:
    """Inputs, outputs, width and nodes, without edges."""
    names = [column.name for column in encoding.names]
    return {
        "inputs": names,
        "outputs": list(outputs),
        "width": list(network.config.width),
        "nodes": _list_nodes(network, names, outputs),
    }


def _select_edges(masks: list[torch.Tensor], scores: list[torch.Tensor]) -> list[torch.Tensor]:
    """Masks of the active edges; if there are too many, of those with the highest scores."""
    live = torch.cat([score[mask] for score, mask in zip(scores, masks, strict=True)])
    if len(live) <= MAX_EDGES:
        return masks
    least = live.topk(MAX_EDGES).values[-1]
    return [mask & (score >= least) for score, mask in zip(scores, masks, strict=True)]


def _sample_curves(layer: Any, h: torch.Tensor, seen: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Activations [points, in, out] at points [points, in] over the range of ``seen``, in its units."""
    ordered, order = seen.sort(dim=0)
    shown, inside = ordered.numpy(), h.gather(0, order).numpy()
    at = np.linspace(shown[0], shown[-1], CURVE_POINTS)
    points = np.stack([np.interp(*column) for column in zip(at.T, shown.T, inside.T, strict=True)], axis=1)
    with torch.no_grad():
        return at, layer.postacts(torch.from_numpy(points)).numpy()


def _add_suggestions(edges: list[dict[str, Any]], should_stop: Callable[[], bool]) -> None:
    """Add ranked functions to the strongest edges, as in the table of pykan's ``suggest_symbolic``."""
    for edge in sorted(edges, key=lambda edge: -edge["score"])[:MAX_SUGGESTED_EDGES]:
        if should_stop():
            return
        found = [
            _describe_suggestion(fit) for fit in suggest_symbolic(np.array(edge["x"]), np.array(edge["y"]))
        ]
        best = {row["function"]: row for row in sorted(found, key=lambda row: -row["total"])}
        edge["suggestions"] = sorted(best.values(), key=lambda row: row["total"])[:MAX_SUGGESTIONS]


def _describe_suggestion(fit: Suggestion) -> dict[str, Any]:
    loss = float(np.log2(max(1 - fit.r2, 0.0) + R2_RESOLUTION))
    total = (1 - COMPLEXITY_WEIGHT) * loss + COMPLEXITY_WEIGHT * fit.complexity
    constants = {"a": fit.a, "b": fit.b, "c": fit.c, "d": fit.d}
    return {
        "function": fit.function,
        "r2": fit.r2,
        "loss": loss,
        "complexity": fit.complexity,
        "total": total,
    } | constants


def _list_nodes(network: KAN, inputs: Sequence[str], outputs: Sequence[str]) -> list[list[dict[str, str]]]:
    """Names of all nodes, and the operation of every node except the inputs."""
    nodes = [[{"name": name} for name in inputs]]
    for depth, layer in enumerate(network.stack, start=1):
        hidden = [f"h{depth},{node + 1}" for node in range(layer.out_dim)]
        names = outputs if depth == len(network.stack) else hidden
        sums = layer.out_dim - layer.products
        operations = ["sum"] * sums + ["product"] * layer.products
        nodes.append(
            [{"name": name, "operation": does} for name, does in zip(names, operations, strict=True)]
        )
    return nodes
