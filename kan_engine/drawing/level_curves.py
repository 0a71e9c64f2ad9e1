"""Curves over levels: the activations of all 0/1 columns of one feature that enter one node, as one curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature, encode_feature
from kan_engine.data.scaling import Standardizer
from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer

EdgeKey = tuple[int, int, int, int]  # layer, source, to_layer, target
LevelKind = Literal["value", "other", "missing"]
NamedLevel = tuple[str | bool | None, LevelKind]


@dataclass(frozen=True)
class Level:
    """A level of a curve.

    Attributes:
        level: A category, or true or false; None if ``kind`` is not ``value``.
        kind: ``other`` is the level of all rare categories, ``missing`` that of rows without a value.
        value: What the activations of all columns give there, combined as in their node.
    """

    level: str | bool | None
    kind: LevelKind
    value: float


@dataclass(frozen=True)
class LevelCurve:
    """All edges from the 0/1 columns of one feature to one node.

    Attributes:
        name: Of the feature, or of the column that indicates missing numbers.
        layer: Layer of the columns, 0.
        sources: Indices of the columns that have an edge to the node.
        to_layer: Layer of the node.
        target: Index of the node.
        score: Root of the sum of the squares of the scores of the edges.
        levels: In the order of the encoding.
    """

    name: str
    layer: int
    sources: list[int]
    to_layer: int
    target: int
    score: float
    levels: list[Level]


@dataclass(frozen=True)
class _LevelColumns:
    """Adjacent 0/1 columns that depend on one value of the client, and their content at every level."""

    name: str
    start: int
    levels: tuple[NamedLevel, ...]
    encoded: Float[np.ndarray, "levels columns"]


def describe_level_curves(
    network: KAN, inputs: Standardizer, encoding: Encoding, scores: Mapping[EdgeKey, float]
) -> list[LevelCurve]:
    """Combine the edges of 0/1 columns by feature and node.

    Args:
        network: The network.
        inputs: Scale of the encoded columns.
        encoding: Encoding of the client's columns.
        scores: Scores of the edges to combine.
    """
    depth = len(network.stack)
    layers = [(network.stack[0], 1), *([(network.direct, depth)] if network.direct is not None else [])]
    curves = []
    for columns in _find_level_columns(encoding):
        z = _standardize_levels(columns, inputs)
        width = range(columns.start, columns.start + columns.encoded.shape[1])
        for layer, to_layer in layers:
            sources = {j: [i for i in width if (0, i, to_layer, j) in scores] for j in range(layer.out_dim)}
            # All levels and nodes in one evaluation of the layer
            activations = layer.postacts(z).detach() if any(sources.values()) else None
            for target, indices in sources.items():
                if activations is None or not indices:
                    continue
                values = _combine(layer, activations[:, indices, target], target)
                levels = [Level(*level, value) for level, value in zip(columns.levels, values, strict=True)]
                score = math.hypot(*(scores[0, i, to_layer, target] for i in indices))
                curves.append(LevelCurve(columns.name, 0, indices, to_layer, target, score, levels))
    return curves


def _find_level_columns(encoding: Encoding) -> Iterator[_LevelColumns]:
    """Yield the 0/1 columns of every category and boolean, and every column that indicates missing values."""
    start = 0
    for feature in encoding.features:
        width = len(feature.columns)
        if feature.type in {"category", "boolean"}:
            yield _list_levels(feature, start)
        elif feature.has_missing:
            place = start + width - 1
            is_missing: tuple[NamedLevel, ...] = ((False, "value"), (True, "value"))
            yield _LevelColumns(encoding.names[place].name, place, is_missing, np.array([[0.0], [1.0]]))
        start += width


def _list_levels(feature: Feature, start: int) -> _LevelColumns:
    """Encode every level of a category or a boolean."""
    categories = [False, True] if feature.type == "boolean" else list(feature.categories)
    values: list[str | bool | None] = [
        *categories,
        *feature.rare[:1],
        *([None] if feature.has_missing else []),
    ]
    # One row per level, where one rare category represents all of them
    content = np.zeros((len(values), len(feature.columns)))
    encode_feature(content, feature, np.array(values, dtype=object))
    levels: list[NamedLevel] = [(value, "value") for value in categories]
    levels += [(None, "other")] if feature.rare else []
    levels += [(None, "missing")] if feature.has_missing else []
    return _LevelColumns(feature.name, start, tuple(levels), content)


def _standardize_levels(columns: _LevelColumns, inputs: Standardizer) -> Float[Tensor, "levels in_dim"]:
    """Return rows of the network's inputs [levels, in]; the other columns have no effect."""
    # The other columns are at their centres, since no activation depends on two columns
    rows = np.tile(inputs.center, (len(columns.levels), 1))
    rows[:, columns.start : columns.start + columns.encoded.shape[1]] = columns.encoded
    return torch.from_numpy(inputs.forward(rows))


def _combine(layer: KANLayer, activations: Float[Tensor, "levels columns"], target: int) -> list[float]:
    """Return the sum of the activations [levels, columns] at every level, or their product."""
    is_product = target >= layer.out_dim - layer.products
    values: list[float] = (activations.prod(1) if is_product else activations.sum(1)).tolist()
    return values
