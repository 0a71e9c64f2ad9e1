"""Data for the drawing of a network: activation curves, scores and ranked functions per edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.cost import FEATURE_BYTES
from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.drawing.level_curves import EdgeKey, LevelCurve, describe_level_curves
from kan_engine.drawing.thresholds import DEFAULT_EDGES, EdgeThresholds
from kan_engine.formulas.reading.univariate_fit import Suggestion, suggest_symbolic
from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer, symbolic_value
from kan_engine.network.pruning import edge_scores, live_inputs


@dataclass(frozen=True)
class SuggestedFunction:
    """A function ``c · f(a·x + b) + d`` for an edge, rated as in pykan.

    Attributes:
        function: Name of f.
        r2: Share of the variance of the curve that it explains.
        loss: log2 of the share that it does not explain.
        complexity: Of f.
        total: Weighted sum of loss and complexity; the lowest is the best.
    """

    function: str
    r2: float
    loss: float
    complexity: int
    total: float
    a: float
    b: float
    c: float
    d: float


@dataclass(frozen=True, kw_only=True)
class EdgeCurve:
    """An active edge.

    Attributes:
        layer: Layer of the node that it comes from.
        source: Index of that node.
        to_layer: Layer of the node that it leads to.
        target: Index of that node.
        score: Importance of the edge for the outputs.
        x: Points of the curve.
        y: Values of the activation there.
        mean: Mean of the activation over the rows; None if it is not known.
        suggestions: Functions that fit the curve, the best first.
        function: Name of the fixed function; None if the activation is a spline.
    """

    layer: int
    source: int
    to_layer: int
    target: int
    score: float
    x: list[float]
    y: list[float]
    mean: float | None = None
    suggestions: list[SuggestedFunction] = field(default_factory=list)
    function: str | None


@dataclass(frozen=True)
class Node:
    """A node of the network.

    Attributes:
        name: Its name.
        operation: ``sum`` or ``product``; None for an input.
        scale, offset: Of an output: ``offset + scale · value`` is the (transformed) target in the client's
            units. None for other nodes, and for outputs whose scale is not known.
    """

    name: str
    operation: str | None = None
    scale: float | None = None
    offset: float | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkPicture:
    """A network to draw: names of inputs and outputs, nodes per layer, and active edges.

    Attributes:
        level_curves: The edges of categories, booleans and indicators of missing values, combined. They are
            among ``edges``, too.
        unused: Names of the client's columns that have no effect.
    """

    inputs: list[str]
    outputs: list[str]
    width: list[int]
    nodes: list[list[Node]]
    edges: list[EdgeCurve] = field(default_factory=list)
    level_curves: list[LevelCurve] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The picture as JSON."""
        keys = {"source": "in", "sources": "in", "target": "out"}
        return vars(self) | {
            "nodes": [
                [{key: text for key, text in vars(node).items() if text is not None} for node in layer]
                for layer in self.nodes
            ],
            "edges": [
                {keys.get(name, name): value for name, value in vars(edge).items()}
                | {"suggestions": [asdict(suggestion) for suggestion in edge.suggestions]}
                for edge in self.edges
            ],
            "level_curves": [
                {keys.get(name, name): value for name, value in asdict(curve).items()}
                for curve in self.level_curves
            ],
        }


def describe_edges(
    network: KAN,
    inputs: Standardizer,
    encoding: Encoding,
    training_rows: Float[np.ndarray, "rows in_dim"],
    outputs: Sequence[str],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    scaler: TargetScaler | None = None,
    thresholds: EdgeThresholds = DEFAULT_EDGES,
) -> NetworkPicture:
    """Nodes and active edges; of very many edges, those with the highest scores.

    Curves of the first layer are over the client's units. Activations are in the scale of the network.

    Args:
        network: The network to draw.
        inputs: Scale of the encoded columns.
        encoding: Encoding of the client's columns.
        training_rows: Training rows [n, d], for scores and ranges.
        outputs: Names of the outputs.
        should_stop: Once true, no further edge gets suggestions.
        scaler: Scale of the outputs; None if they have none.
        thresholds: Sizes of the document, and the ranking of suggestions.
    """
    # Evenly spaced rows, since neighbouring rows of a table are often alike
    count = min(thresholds.max_sample_rows, len(training_rows))
    rows = training_rows[np.linspace(0, len(training_rows) - 1, count).astype(int)]
    x = torch.from_numpy(inputs.forward(rows))
    entering, scores = network.preacts(x), edge_scores(network, x)
    depth = len(network.stack)
    masks = _select_edges([layer.mask for layer in network.all_layers], scores, thresholds.max_edges)
    edges = []
    for number, (layer, h, score) in enumerate(zip(network.all_layers, entering, scores, strict=True)):
        # The direct layer, the last one, leads from the inputs to the outputs
        source, target = (number, number + 1) if number < depth else (0, depth)
        raw_values = torch.from_numpy(rows) if source == 0 else h
        at, curves = _sample_curves(layer, h, raw_values, thresholds.curve_points)
        means = _mean_activations(layer, h)
        for i, j in torch.nonzero(masks[number]).tolist():
            edges.append(
                EdgeCurve(
                    layer=source,
                    source=i,
                    to_layer=target,
                    target=j,
                    score=float(score[i, j]),
                    x=at[:, i].tolist(),
                    y=curves[:, i, j].tolist(),
                    mean=float(means[i, j]),
                    function=layer.symbolic[i, j].function if (i, j) in layer.symbolic else None,
                )
            )
    _add_suggestions_(edges, should_stop, thresholds)
    places = {(edge.layer, edge.source, edge.to_layer, edge.target): edge.score for edge in edges}
    nodes = describe_nodes(network, inputs, encoding, outputs, places, scaler=scaler, thresholds=thresholds)
    return replace(nodes, edges=edges)


def describe_nodes(
    network: KAN,
    inputs: Standardizer,
    encoding: Encoding,
    outputs: Sequence[str],
    scores: Mapping[EdgeKey, float],
    *,
    scaler: TargetScaler | None = None,
    thresholds: EdgeThresholds = DEFAULT_EDGES,
) -> NetworkPicture:
    """Inputs, outputs, width, nodes, level curves and unused columns, without edges.

    Args:
        network: The network to draw.
        inputs: Scale of the encoded columns.
        encoding: Encoding of the client's columns.
        outputs: Names of the outputs.
        scores: Scores of the described edges.
        scaler: Scale of the outputs; None if they have none.
        thresholds: Sizes of the document.
    """
    names = [column.name for column in encoding.names]
    is_small = len(scores) <= thresholds.max_combined_edges
    live = zip(encoding.names, live_inputs(network).tolist(), strict=True)
    used_features = {column.feature for column, is_live in live if is_live}
    return NetworkPicture(
        inputs=names,
        outputs=list(outputs),
        width=list(network.config.width),
        nodes=_list_nodes(network, names, outputs, scaler),
        level_curves=describe_level_curves(network, inputs, encoding, scores) if is_small else [],
        unused=[feature.name for feature in encoding.features if feature.name not in used_features],
    )


def _select_edges(
    masks: list[Bool[Tensor, "_ _"]], scores: list[Float[Tensor, "_ _"]], max_edges: int
) -> list[Bool[Tensor, "_ _"]]:
    """Masks of the active edges; if there are too many, of those with the highest scores."""
    live = torch.cat([score[mask] for score, mask in zip(scores, masks, strict=True)])
    if len(live) <= max_edges:
        return masks
    # Edges with equal scores are kept or left out together
    min_score = live.topk(max_edges).values[-1]
    return [mask & (score >= min_score) for score, mask in zip(scores, masks, strict=True)]


def _sample_curves(
    layer: KANLayer, h: Float[Tensor, "rows in_dim"], raw_values: Float[Tensor, "rows in_dim"], count: int
) -> tuple[Float[np.ndarray, "{count} in_dim"], Float[np.ndarray, "{count} in_dim out_dim"]]:
    """Activations [points, in, out] at points [points, in] over the range of ``raw_values``, in its units."""
    # Points are equidistant in the units of the drawing. Interpolation between the sorted rows gives the
    # inputs of the layer at these points, without an inverse of the scale.
    sorted_values, order = raw_values.sort(dim=0)
    axis, inside = sorted_values.numpy(), h.gather(0, order).numpy()
    at = np.linspace(axis[0], axis[-1], count)
    points = np.stack([np.interp(*column) for column in zip(at.T, axis.T, inside.T, strict=True)], axis=1)
    with torch.no_grad():
        return at, layer.postacts(torch.from_numpy(points)).numpy()


@torch.no_grad()
def _mean_activations(layer: KANLayer, h: Float[Tensor, "rows in_dim"]) -> Float[Tensor, "in_dim out_dim"]:
    """Mean of every activation [in, out] over the rows; of splines, from the mean of their features."""
    # Blocks of rows bound the memory for the features
    size = max(1, FEATURE_BYTES // (8 * layer.in_dim * layer.weight.shape[1]))
    blocks = [layer.features(block).sum(0) for block in torch.split(h, size)]
    features = torch.stack(blocks).sum(0) / len(h)
    # A spline is linear in its features: the mean of the features gives the mean of the spline
    means = torch.einsum("it,ito->io", features, layer.effective_weight())
    for (i, j), edge in layer.symbolic.items():
        means[i, j] += symbolic_value(edge, h[:, i]).mean()
    return means


def _add_suggestions_(
    edges: list[EdgeCurve],
    should_stop: Callable[[], bool],
    thresholds: EdgeThresholds,
    *,
    curves_per_batch: int = 4,
) -> None:
    """Add ranked functions to the strongest edges, as in the table of pykan's ``suggest_symbolic``.

    Args:
        curves_per_batch: Curves that are fitted side by side.
    """
    order = sorted(range(len(edges)), key=lambda place: -edges[place].score)
    strongest = order[: thresholds.max_suggested_edges]
    for start in range(0, len(strongest), curves_per_batch):
        if should_stop():
            return
        batch = strongest[start : start + curves_per_batch]
        fits = suggest_symbolic([(np.array(edges[place].x), np.array(edges[place].y)) for place in batch])
        for place, candidates in zip(batch, fits, strict=True):
            suggestions = [_rate_suggestion(fit) for fit in candidates]
            best = {
                option.function: option for option in sorted(suggestions, key=lambda option: -option.total)
            }
            ranking = sorted(best.values(), key=lambda option: option.total)[: thresholds.max_suggestions]
            edges[place] = replace(edges[place], suggestions=ranking)


def _rate_suggestion(fit: Suggestion) -> SuggestedFunction:
    return SuggestedFunction(
        fit.function, fit.r2, fit.loss, fit.complexity, fit.rate(), fit.a, fit.b, fit.c, fit.d
    )


def _list_nodes(
    network: KAN, inputs: Sequence[str], outputs: Sequence[str], scaler: TargetScaler | None
) -> list[list[Node]]:
    """Names of all nodes, the operation of every node except the inputs, and the scale of every output."""
    nodes = [[Node(name) for name in inputs]]
    for depth, layer in enumerate(network.stack, start=1):
        hidden_names = [f"h{depth},{node + 1}" for node in range(layer.out_dim)]
        names = outputs if depth == len(network.stack) else hidden_names
        sums = layer.out_dim - layer.products
        operations = ["sum"] * sums + ["product"] * layer.products
        nodes.append([Node(name, does) for name, does in zip(names, operations, strict=True)])
    if scaler is not None:
        scales = zip(nodes[-1], scaler.std.tolist(), scaler.mean.tolist(), strict=True)
        nodes[-1] = [replace(node, scale=scale, offset=offset) for node, scale, offset in scales]
    return nodes
