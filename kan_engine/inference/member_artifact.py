"""Serialization of the members of a model: JSON for the header of an artifact, and arrays attached to it.

Programs from before there was a member ignore both. Of every network only the inputs that it uses
are stored: a table with many categories has thousands, and a network of a member uses few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.inference.network_member import NetworkMember
from kan_engine.network.header import NetworkHeader
from kan_engine.network.kan import KAN

Arrays = dict[str, Float[np.ndarray, " _"]]
BuildNetwork = Callable[[NetworkHeader], KAN]

NETWORKS, INPUTS, OUTPUTS, RESIDUALS = "networks", "inputs", "outputs", "residuals"  # the arrays
MAX_NUMBERS = 2**23  # in all tensors of all networks of a path as loaded: 64 MB


def describe_member(name: str, member: NetworkMember) -> tuple[dict[str, Any], Arrays]:
    """A member as JSON and one-dimensional arrays, whose names begin with its own.

    Of a path that is too large, a part of the networks is described.
    """
    member = _thin_path(member)
    path, scaler = member.path, member.path.scaler
    live = [_find_live_inputs(entry.network) for entry in path.networks]
    document = {
        "selected": member.selected,
        "serves": member.serves,
        "decision_weights": member.decision_weights,
        "transform": None if scaler is None else scaler.transform,
        "bounds": None if scaler is None or scaler.bounds is None else list(scaler.bounds),
        "networks": [
            {
                "header": entry.network.to_header().to_dict(),
                "inputs": live_inputs.tolist(),
                "curves": entry.curve_count,
                "loss": entry.loss if math.isfinite(entry.loss) else None,
            }
            for entry, live_inputs in zip(path.networks, live, strict=True)
        ],
    }
    # One array for all networks: an artifact has few attachments, whatever the number of networks
    tensors = [
        part.double().flatten()
        for entry, live_inputs in zip(path.networks, live, strict=True)
        for part in _list_stored_parts(entry.network, live_inputs)
    ]
    arrays = {
        NETWORKS: torch.cat(tensors).numpy(),
        INPUTS: np.concatenate([table.ravel() for table in _list_tables(path.inputs)]),
        RESIDUALS: member.residuals,
    }
    if scaler is not None:
        arrays[OUTPUTS] = np.concatenate([scaler.mean, scaler.std])
    return document, {f"{name}.{part}": numbers for part, numbers in arrays.items()}


def read_member(
    name: str,
    document: Mapping[str, Any],
    attachments: Mapping[str, Float[np.ndarray, " _"]],
    width: tuple[int, int],
    build: BuildNetwork,
) -> NetworkMember:
    """The inverse of ``describe_member``, from unchecked JSON and arrays.

    Args:
        name: Of the member.
        document: The JSON.
        attachments: The arrays of the artifact by name.
        width: Number of encoded inputs and of outputs of the model.
        build: Builds a network whose description is plausible.

    Raises:
        ValueError, TypeError, KeyError, InvalidConfig: The parts do not describe networks.
    """
    arrays = {part: attachments[f"{name}.{part}"] for part in (NETWORKS, INPUTS, RESIDUALS)}
    if not all(np.isfinite(numbers).all() for numbers in arrays.values()):
        raise ValueError("its networks hold values that are not finite")
    numbers, transform = arrays[NETWORKS], document["transform"]
    headers = [NetworkHeader.from_dict(entry["header"]) for entry in document["networks"]]
    if sum(map(_count_numbers, headers)) > MAX_NUMBERS:
        raise ValueError(f"its networks have over {MAX_NUMBERS} numbers")
    # The numbers are divided in the order in which they were written
    networks, start = [], 0
    for header, entry in zip(headers, document["networks"], strict=True):
        if (header.width[0], header.width[-1]) != width:
            raise ValueError(f"a network of a member has the width {header.width}, the model {width}")
        network = build(header)
        start = _fill_network_(network, _parse_inputs(entry["inputs"], width[0]), numbers, start)
        networks.append(
            CompactNetwork(
                network=network,
                curve_count=_parse_count(entry["curves"]),
                loss=math.inf if entry["loss"] is None else float(entry["loss"]),
            )
        )
    if start != len(numbers):
        raise ValueError(f"its networks have {start} numbers, but {len(numbers)} are stored")
    weights = document["decision_weights"]
    return NetworkMember(
        path=CompactPath(
            networks=tuple(networks),
            inputs=_read_inputs(arrays[INPUTS], width[0]),
            scaler=None if transform is None else _read_scaler(document, attachments[f"{name}.{OUTPUTS}"]),
        ),
        selected=_parse_count(document["selected"]),
        residuals=arrays[RESIDUALS],
        decision_weights=None if weights is None else tuple(map(float, weights)),
        serves=bool(document["serves"]),
    )


def _thin_path(member: NetworkMember) -> NetworkMember:
    """The member without the networks that would make the path too large; the selected one stays."""
    capacity = MAX_NUMBERS - _count_numbers(member.network.network.to_header())
    networks = []
    for entry in member.path.networks:
        size = 0 if entry is member.network else _count_numbers(entry.network.to_header())
        if size <= capacity:
            networks.append(entry)
            capacity -= size
    position = next(place for place, entry in enumerate(networks) if entry is member.network)
    return replace(member, path=replace(member.path, networks=tuple(networks)), selected=position)


def _count_numbers(header: NetworkHeader) -> int:
    """Upper bound of the numbers in the weights of a network."""
    # Every edge has a coefficient per grid interval and order, and that of the base function
    sizes = [max(1, size) + header.order + 1 for size in header.grid_sizes]
    pairs = [a * b for a, b in zip(header.width, header.width[1:], strict=False)]
    pairs += [header.width[0] * header.width[-1]] * header.direct
    return sum(pair * size for pair, size in zip(pairs, sizes, strict=True))


def _find_live_inputs(network: KAN) -> Int[Tensor, " live"]:
    """Indices of the inputs with a live edge."""
    layers = [network.stack[0], *([] if network.direct is None else [network.direct])]
    return torch.stack([layer.mask.any(1) for layer in layers]).any(0).nonzero()[:, 0]


def _list_stored_parts(network: KAN, live_inputs: Int[Tensor, " live"]) -> Iterator[Shaped[Tensor, " ..."]]:
    """The tensors of a network, in a fixed order; of layers that read the inputs, the rows of used inputs."""
    for layer in network.all_layers:
        reads_inputs = layer is network.stack[0] or layer is network.direct
        for tensor in (layer.knots, layer.mask, layer.weight.detach()):
            yield tensor[live_inputs] if reads_inputs else tensor


@torch.no_grad()
def _fill_network_(
    network: KAN, live_inputs: Int[Tensor, " live"], numbers: Float[np.ndarray, " numbers"], start: int
) -> int:
    """Set the tensors of a network from stored numbers; returns the index of the next number."""
    for layer in network.all_layers:
        reads_inputs = layer is network.stack[0] or layer is network.direct
        if reads_inputs:
            layer.mask[:] = False
        for tensor in (layer.knots, layer.mask, layer.weight):
            shape = (len(live_inputs), *tensor.shape[1:]) if reads_inputs else tensor.shape
            end = start + math.prod(shape)
            # Masks are stored as 0 and 1, unused inputs not at all
            values = torch.tensor(numbers[start:end]).reshape(shape)  # too few numbers raise ValueError
            if tensor.dtype == torch.bool and not ((values == 0) | (values == 1)).all():
                raise ValueError("a mask holds values that are neither true nor false")
            tensor[live_inputs if reads_inputs else slice(None)] = values.to(tensor.dtype)
            start = end
        if (layer.knots.diff() < 0).any():
            raise ValueError("the knots of a network are decreasing")
    return start


def _list_tables(inputs: Standardizer) -> list[Float[np.ndarray, " ..."]]:
    quantiles = [] if inputs.quantiles is None else [inputs.quantiles]
    return [inputs.center, inputs.scale, *quantiles]


def _read_inputs(numbers: Float[np.ndarray, " numbers"], wide: int) -> Standardizer:
    center, scale, quantiles = np.split(numbers, [wide, 2 * wide])
    return Standardizer(center, scale, quantiles.reshape(wide, -1) if len(quantiles) else None)


def _read_scaler(document: Mapping[str, Any], numbers: Float[np.ndarray, " numbers"]) -> TargetScaler:
    mean, std = np.split(numbers, 2)
    bounds = document["bounds"]
    if bounds is None:
        return TargetScaler(document["transform"], mean, std)
    low, high = map(float, bounds)
    return TargetScaler(document["transform"], mean, std, (low, high))


def _parse_inputs(places: Any, wide: int) -> Int[Tensor, " live"]:
    if any(type(place) is not int or not 0 <= place < wide for place in places):
        raise ValueError("a network of a member uses inputs that do not exist")
    if len(set(places)) != len(places):
        raise ValueError("a network of a member uses an input twice")
    return torch.tensor(list(places), dtype=torch.long)


def _parse_count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a valid count of a network")
    return value
