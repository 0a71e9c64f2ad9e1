"""Removal of unused features from a predictor, so that exports have no inputs without effect."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer
from kan_engine.inference.predictor import Predictor
from kan_engine.network.kan import KAN, resize_grid_


def drop_unused_features(predictor: Predictor) -> Predictor:
    """Drop the features that do not change the output; the first one stays if none does.

    One feature must stay since its length gives the number of rows, even if the output is constant.
    """
    features = predictor.encoding.features
    kept = [feature for feature in features if feature.name not in predictor.unused] or [features[0]]
    if len(kept) == len(features):
        return predictor
    names = {feature.name for feature in kept}
    places = [place for place, column in enumerate(predictor.encoding.names) if column.feature in names]
    inputs = predictor.inputs
    quantiles = None if inputs.quantiles is None else inputs.quantiles[places]
    return replace(
        predictor,
        encoding=Encoding(tuple(kept)),
        inputs=Standardizer(inputs.center[places], inputs.scale[places], quantiles),
        network=_select_inputs(predictor.network, places),
        support=predictor.support and tuple(predictor.support[place] for place in places),
    )


@torch.no_grad()
def _select_inputs(network: KAN, places: list[int]) -> KAN:
    """The network restricted to these inputs."""
    config = replace(network.config, width=(len(places), *network.config.width[1:]))
    less = KAN(config)
    for layer, whole in zip(less.all_layers, network.all_layers, strict=True):
        reads_inputs = layer is less.stack[0] or layer is less.direct
        rows = places if reads_inputs else list(range(whole.in_dim))
        resize_grid_(layer, whole.grid_size)
        layer.knots, layer.mask = whole.knots[rows].clone(), whole.mask[rows].clone()
        layer.weight = nn.Parameter(whole.weight[rows].clone())
        moved = {old: new for new, old in enumerate(rows)}
        layer.symbolic = {(moved[i], j): edge for (i, j), edge in whole.symbolic.items() if i in moved}
    return less
