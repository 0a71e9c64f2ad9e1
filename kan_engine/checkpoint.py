"""States of networks and trainings as bytes and back: safetensors with one JSON header; never pickle."""

import json
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from kan_engine.network import KAN

_KEY = "kan_training"  # of our header among safetensors' metadata

State = dict[str, Any]  # tensors, and values that JSON knows; a float comes back bit for bit


def to_bytes(state: State) -> bytes:
    """A state as bytes; the same state gives the same bytes."""
    tensors = {
        name: value.detach().contiguous() for name, value in state.items() if isinstance(value, Tensor)
    }
    values = {name: value for name, value in state.items() if name not in tensors}
    return save_tensors(tensors, {_KEY: json.dumps(values, sort_keys=True)})


def from_bytes(data: bytes) -> State:
    """The state that ``to_bytes`` wrote.

    Tensors are copied: those of the file may begin at any byte, and sums over them would be taken in
    another order than in the training that saved them.

    Raises:
        KeyError, ValueError, SafetensorError: The bytes are anything else.
    """
    length = int.from_bytes(data[:8], "little")
    values: State = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
    return values | {name: tensor.clone() for name, tensor in load_tensors(data).items()}


def within(prefix: str, state: State) -> State:
    """A part's state among its owner's."""
    return {f"{prefix}.{name}": value for name, value in state.items()}


def part_of(state: State, prefix: str) -> State:
    """The part that ``within`` put there."""
    start = prefix + "."
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}


def network_state(network: KAN) -> State:
    """A network as a state."""
    return {"header": network.to_header()} | within("tensors", network.state_dict())


def to_network(state: State, *, dtype: torch.dtype = torch.float64) -> KAN:
    """The network of a ``network_state``, in its own numbers."""
    network = KAN.from_header(state["header"]).to(dtype)
    network.load_state_dict(part_of(state, "tensors"))
    return network
