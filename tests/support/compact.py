"""Compact networks with random weights, for tests that need some but no search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kan_engine import KAN, Predictor
    from kan_engine.compact.path import CompactPath
    from kan_engine.data.scaling import Standardizer, TargetScaler


def make_path(
    inputs: Standardizer,
    scaler: TargetScaler | None,
    outputs: int = 1,
    curve_counts: tuple[int, ...] = (1, 2, 3),
    *,
    seed: int = 0,
) -> CompactPath:
    """Additive networks of the first inputs; a longer one also has a hidden node. Losses fall with size."""
    from kan_engine.compact.path import CompactNetwork, CompactPath

    networks = [make_network(len(inputs.center), outputs, count, seed) for count in curve_counts]
    return CompactPath(
        networks=tuple(
            CompactNetwork(network=network, curve_count=count, loss=1 / (2 + count))
            for network, count in zip(networks, curve_counts, strict=True)
        ),
        inputs=inputs,
        scaler=scaler,
    )


def make_network(wide: int, outputs: int, curves: int, seed: int = 0) -> KAN:
    """A network with direct edges from the first ``curves`` inputs, and one hidden node without edges."""
    import torch

    from kan_engine import KAN, KANConfig
    from kan_engine.network.kan import initialise_

    network = KAN(KANConfig(width=(wide, 1, outputs), grid_size=3, direct=True))
    initialise_(network, torch.Generator().manual_seed(seed))
    for layer in network.stack:
        layer.mask[:] = False
    assert network.direct is not None
    network.direct.mask[curves:] = False
    return network


def with_compact(predictor: Predictor, *, place: int = 1, serves: bool = False) -> Predictor:
    """The predictor with a path of three compact networks and 49 residuals 0.02, 0.04, …"""
    from kan_engine.inference.network_member import NetworkMember

    path = make_path(predictor.inputs, predictor.outputs, predictor.network.config.width[-1])
    weights = predictor.decision_weights
    member = NetworkMember(
        path=path,
        selected=place,
        residuals=np.arange(1, 50) / 50,
        decision_weights=weights,
        serves=serves,
    )
    return replace(predictor, compact=member)
