"""A device for machines without a GPU: its tensors cannot meet those of the CPU.

A ``DistantTensor`` has the device ``meta``, but keeps its numbers in a tensor of the CPU. Inside
``second_device()`` moves to ``meta`` give such tensors. As with a GPU, no operation takes tensors of both
devices, and a distant one cannot be converted to NumPy. All other results are those of the CPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

SECOND = torch.device("meta")
CPU = torch.device("cpu")
MOVES = ("_to_copy", "copy_")


class DistantTensor(torch.Tensor):
    """A tensor of the second device."""

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> DistantTensor:
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.size(),
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=SECOND,
        )
        tensor.numbers = numbers
        return tensor

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _apply(operation, args, kwargs or {})


class second_device(TorchDispatchMode):  # noqa: N801 - used as a context manager
    """Inside, ``meta`` is a device whose tensors have numbers."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _apply(operation, args, kwargs or {})


def _apply(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = operation.overloadpacket.__name__
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    distant = {id(tensor.numbers): tensor for tensor in tensors if isinstance(tensor, DistantTensor)}
    is_local = any(tensor.dim() and not isinstance(tensor, DistantTensor) for tensor in tensors)
    if distant and is_local and name not in MOVES:
        raise RuntimeError(f"{name} of tensors on two devices")
    device = kwargs.get("device")
    if name == "copy_":
        is_distant = isinstance(args[0], DistantTensor)
    else:
        is_distant = bool(distant) if device is None else device.type == SECOND.type
    if device is not None:
        kwargs = kwargs | {"device": CPU}
    result = operation(*tree_map(_to_numbers, args), **tree_map(_to_numbers, kwargs))

    def place(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return distant.get(id(leaf)) if id(leaf) in distant else DistantTensor(leaf) if is_distant else leaf

    return tree_map(place, result)


def _to_numbers(leaf: Any) -> Any:
    return leaf.numbers if isinstance(leaf, DistantTensor) else leaf
