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
    used_features = [feature for feature in features if feature.name not in predictor.unused] or [features[0]]
    if len(used_features) == len(features):
        return predictor
    names = {feature.name for feature in used_features}
    places = [place for place, column in enumerate(predictor.encoding.names) if column.feature in names]
    inputs = predictor.inputs
    quantiles = None if inputs.quantiles is None else inputs.quantiles[places]
    return replace(
        predictor,
        encoding=Encoding(tuple(used_features)),
        inputs=Standardizer(inputs.center[places], inputs.scale[places], quantiles),
        network=_select_inputs(predictor.network, places),
        support=predictor.support and tuple(predictor.support[place] for place in places),
    )


@torch.no_grad()
def _select_inputs(network: KAN, places: list[int]) -> KAN:
    """The network restricted to these inputs."""
    config = replace(network.config, width=(len(places), *network.config.width[1:]))
    reduced_network = KAN(config)
    for layer, source in zip(reduced_network.all_layers, network.all_layers, strict=True):
        reads_inputs = layer is reduced_network.stack[0] or layer is reduced_network.direct
        rows = places if reads_inputs else list(range(source.in_dim))
        # The grid gets its size first, so that knots and weights fit
        resize_grid_(layer, source.grid_size)
        layer.knots, layer.mask = source.knots[rows].clone(), source.mask[rows].clone()
        layer.weight = nn.Parameter(source.weight[rows].clone())
        new_places = {old: new for new, old in enumerate(rows)}
        layer.symbolic = {
            (new_places[i], j): edge for (i, j), edge in source.symbolic.items() if i in new_places
        }
    return reduced_network
