"""The curves of a network as a person reads them: categories combined, in the client's units."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kan_engine.drawing.labels import is_product_node, node_name
from kan_engine.drawing.layout import Edge, edge_function
from kan_engine.drawing.style import DiagramStyle

Place = tuple[int, int]  # layer and index of a node
Number = float | None


@dataclass(frozen=True)
class LevelValue:
    """A level of a category or a boolean, as in ``kan_engine.drawing.level_curves``, and its contribution."""

    level: str | bool | None
    kind: str
    value: Number


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What a node or a feature contributes to a node.

    Attributes:
        name: Full name of what enters.
        source: Place of what enters; of several columns, of the first.
        target: Place of the node.
        score: Importance for the outputs.
        strength: Its score as a share of the highest score of the curves that enter the same layer.
        x, y: Points. At an output, y is in its units. What enters a sum is relative to its mean over the
            rows, and so is the value x of a hidden node that adds.
        levels: Of a category or a boolean; then there are no points.
        function: Name of a function that it certainly is, or "".
        is_line: Whether it is a line from a hidden node, which needs no picture.
        slope: Slope of that line; None if the node does not vary, and for other curves.
    """

    name: str
    source: Place
    target: Place
    score: float
    strength: float = 1.0
    x: tuple[Number, ...] = ()
    y: tuple[Number, ...] = ()
    levels: tuple[LevelValue, ...] = ()
    function: str = ""
    is_line: bool = False
    slope: float | None = None


def read_curves(picture: Mapping[str, Any], style: DiagramStyle) -> list[Curve]:
    """Return the curves of an edges document, the highest scores first."""
    curves = [*_read_edges(picture, style), *_read_level_curves(picture)]
    curves.sort(key=lambda curve: (-curve.score, curve.target, curve.source))
    highest: dict[int, float] = {}
    for curve in curves:
        highest[curve.target[0]] = max(highest.get(curve.target[0], 0.0), curve.score)
    # Relative to the strongest curve into the same layer; all curves of a layer may be 0
    tops = [highest[curve.target[0]] or 1.0 for curve in curves]
    return [replace(curve, strength=curve.score / top) for curve, top in zip(curves, tops, strict=True)]


def keep_strongest(curves: Sequence[Curve], max_curves: int, outputs: Collection[Place]) -> list[Curve]:
    """Return the strongest curves that lead to an output; lines from hidden nodes do not count.

    Args:
        curves: All curves, the highest scores first.
        max_curves: How many of them.
        outputs: Places of the outputs.
    """
    selection, count = [], 0
    for curve in curves:
        count += not curve.is_line
        if count <= max_curves or curve.is_line:
            selection.append(curve)
    while True:
        sources = {curve.source for curve in selection}
        linked_curves = [curve for curve in selection if curve.target in outputs or curve.target in sources]
        if len(linked_curves) == len(selection):
            return selection
        selection = linked_curves


def count_curves(picture: Mapping[str, Any]) -> int:
    """Count the curves that need a picture of their own: lines from hidden nodes need none."""
    combined_keys = _list_combined_places(picture)
    edges = [edge for edge in picture["edges"] if _edge_key(edge) not in combined_keys]
    return len(picture.get("level_curves", ())) + sum(not _is_line(edge) for edge in edges)


def mean_output(picture: Mapping[str, Any], output: int) -> float | None:
    """Return the output where all its curves are at their means and all products are 0.

    None if the document lacks the means.
    """
    top_layer = len(picture["width"]) - 1
    mean, node = _mean_node(picture, (top_layer, output)), picture["nodes"][top_layer][output]
    return None if mean is None else _scale(node) * mean + float(node.get("offset") or 0.0)


def list_unused_inputs(picture: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns without effect; documents of older models list them by their edges."""
    if "unused" in picture:
        return list(picture["unused"])
    used_inputs = {edge["in"] for edge in picture["edges"] if edge["layer"] == 0}
    return [name for number, name in enumerate(picture["inputs"]) if number not in used_inputs]


def _read_edges(picture: Mapping[str, Any], style: DiagramStyle) -> Iterator[Curve]:
    combined_keys = _list_combined_places(picture)
    for edge in picture["edges"]:
        if _edge_key(edge) in combined_keys:
            continue
        target = edge["to_layer"], edge["out"]
        scale, shift = _find_scale(picture, target, [edge])
        y = tuple(None if value is None else scale * (value - shift) for value in edge["y"])
        node_mean = (_mean_node(picture, (edge["layer"], edge["in"])) if edge["layer"] else None) or 0.0
        yield Curve(
            name=node_name(picture, edge["layer"], edge["in"]),
            source=(edge["layer"], edge["in"]),
            target=target,
            score=edge["score"] or 0.0,
            x=tuple(None if value is None else value - node_mean for value in edge["x"]),
            y=y,
            function=edge_function(edge, style),
            is_line=_is_line(edge),
            slope=_slope(edge["x"], y) if _is_line(edge) else None,
        )


def _read_level_curves(picture: Mapping[str, Any]) -> Iterator[Curve]:
    edges = {_edge_key(edge): edge for edge in picture["edges"]}
    for curve in picture.get("level_curves", ()):
        target = curve["to_layer"], curve["out"]
        scale, shift = _find_scale(
            picture, target, [edges[key] for key in _level_keys(curve) if key in edges]
        )
        yield Curve(
            name=curve["name"],
            source=(curve["layer"], curve["in"][0]),
            target=target,
            score=curve["score"] or 0.0,
            levels=tuple(
                LevelValue(
                    level["level"],
                    level["kind"],
                    None if level["value"] is None else scale * (level["value"] - shift),
                )
                for level in curve["levels"]
            ),
        )


def _find_scale(picture: Mapping[str, Any], target: Place, edges: list[Edge]) -> tuple[float, float]:
    """Return the scale of a node, 1 unless it is an output, and the mean of what enters it.

    What enters a sum is only known up to constants that add up to 0. Relative to their means, curves are
    comparable. The factors of a product stay as they are.
    """
    node = picture["nodes"][target[0]][target[1]]
    return _scale(node), 0.0 if is_product_node(node) else _sum_means(picture, edges) or 0.0


def _mean_node(picture: Mapping[str, Any], place: Place) -> float | None:
    """Return the mean of a node that adds; None for a product, and if the document lacks the means."""
    entering = [edge for edge in picture["edges"] if (edge["to_layer"], edge["out"]) == place]
    is_product = is_product_node(picture["nodes"][place[0]][place[1]])
    return None if is_product or not entering else _sum_means(picture, entering)


def _sum_means(picture: Mapping[str, Any], edges: Iterable[Edge]) -> float | None:
    """Return the sum of the means of activations; None if one is not known."""
    means = [_mean_edge(picture, edge) for edge in edges]
    return None if None in means else math.fsum(mean for mean in means if mean is not None)


def _mean_edge(picture: Mapping[str, Any], edge: Edge) -> float | None:
    """Return the mean of an activation; of the line from a product, its value where the product is 0.

    The diagram shows that line as a factor, and the factors of the product as they are.
    """
    if _is_line(edge) and is_product_node(picture["nodes"][edge["layer"]][edge["in"]]):
        slope = _slope(edge["x"], edge["y"])
        if slope is not None:
            return float(edge["y"][0] - slope * edge["x"][0])
    mean = edge.get("mean")
    return None if mean is None else float(mean)


def _scale(node: Mapping[str, Any]) -> float:
    scale = node.get("scale")
    return 1.0 if scale is None else float(scale)


def _edge_key(edge: Edge) -> tuple[int, int, int, int]:
    return edge["layer"], edge["in"], edge["to_layer"], edge["out"]


def _level_keys(curve: Mapping[str, Any]) -> list[tuple[int, int, int, int]]:
    return [(curve["layer"], source, curve["to_layer"], curve["out"]) for source in curve["in"]]


def _list_combined_places(picture: Mapping[str, Any]) -> set[tuple[int, int, int, int]]:
    return {key for curve in picture.get("level_curves", ()) for key in _level_keys(curve)}


def _is_line(edge: Edge) -> bool:
    return edge["layer"] > 0 and edge.get("function") == "x"


def _slope(x: Sequence[Number], y: Sequence[Number]) -> float | None:
    if not x or x[0] is None or x[-1] is None or y[0] is None or y[-1] is None or x[0] == x[-1]:
        return None
    return (y[-1] - y[0]) / (x[-1] - x[0])
