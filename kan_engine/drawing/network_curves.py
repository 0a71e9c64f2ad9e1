"""Data for the drawing of a network: activation curves, scores and ranked functions per edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer
from kan_engine.drawing.thresholds import DEFAULT_EDGES, EdgeThresholds
from kan_engine.network.kan import KAN
from kan_engine.network.pruning import edge_scores
from kan_engine.symbolic.univariate_fit import Suggestion, suggest_symbolic


def describe_edges(
    network: KAN,
    inputs: Standardizer,
    encoding: Encoding,
    encoded: np.ndarray,
    outputs: Sequence[str],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    thresholds: EdgeThresholds = DEFAULT_EDGES,
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
        thresholds: Sizes of the document, and the ranking of suggestions.
    """
    count = min(thresholds.max_sample_rows, len(encoded))
    rows = encoded[np.linspace(0, len(encoded) - 1, count).astype(int)]
    x = torch.from_numpy(inputs.forward(rows))
    entering, scores = network.preacts(x), edge_scores(network, x)
    depth = len(network.stack)
    shown = _select_edges([layer.mask for layer in network.all_layers], scores, thresholds.max_edges)
    edges = []
    for number, (layer, h, score) in enumerate(zip(network.all_layers, entering, scores, strict=True)):
        source, target = (number, number + 1) if number < depth else (0, depth)
        seen = torch.from_numpy(rows) if source == 0 else h
        at, curves = _sample_curves(layer, h, seen, thresholds.curve_points)
        for i, j in torch.nonzero(shown[number]).tolist():
            edges.append(
                {"layer": source, "in": i, "to_layer": target, "out": j, "score": float(score[i, j])}
                | {"x": at[:, i].tolist(), "y": curves[:, i, j].tolist(), "suggestions": []}
                | {"function": layer.symbolic[i, j].function if (i, j) in layer.symbolic else None}
            )
    _add_suggestions(edges, should_stop, thresholds)
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


def _select_edges(
    masks: list[torch.Tensor], scores: list[torch.Tensor], max_edges: int
) -> list[torch.Tensor]:
    """Masks of the active edges; if there are too many, of those with the highest scores."""
    live = torch.cat([score[mask] for score, mask in zip(scores, masks, strict=True)])
    if len(live) <= max_edges:
        return masks
    least = live.topk(max_edges).values[-1]
    return [mask & (score >= least) for score, mask in zip(scores, masks, strict=True)]


def _sample_curves(
    layer: Any, h: torch.Tensor, seen: torch.Tensor, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Activations [points, in, out] at points [points, in] over the range of ``seen``, in its units."""
    ordered, order = seen.sort(dim=0)
    shown, inside = ordered.numpy(), h.gather(0, order).numpy()
    at = np.linspace(shown[0], shown[-1], count)
    points = np.stack([np.interp(*column) for column in zip(at.T, shown.T, inside.T, strict=True)], axis=1)
    with torch.no_grad():
        return at, layer.postacts(torch.from_numpy(points)).numpy()


def _add_suggestions(
    edges: list[dict[str, Any]], should_stop: Callable[[], bool], thresholds: EdgeThresholds
) -> None:
    """Add ranked functions to the strongest edges, as in the table of pykan's ``suggest_symbolic``."""
    for edge in sorted(edges, key=lambda edge: -edge["score"])[: thresholds.max_suggested_edges]:
        if should_stop():
            return
        fits = suggest_symbolic(np.array(edge["x"]), np.array(edge["y"]))
        found = [_describe_suggestion(fit, thresholds) for fit in fits]
        best = {row["function"]: row for row in sorted(found, key=lambda row: -row["total"])}
        ranked = sorted(best.values(), key=lambda row: row["total"])
        edge["suggestions"] = ranked[: thresholds.max_suggestions]


def _describe_suggestion(fit: Suggestion, thresholds: EdgeThresholds) -> dict[str, Any]:
    loss = float(np.log2(max(1 - fit.r2, 0.0) + thresholds.r2_resolution))
    weight = thresholds.complexity_weight
    total = (1 - weight) * loss + weight * fit.complexity
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
