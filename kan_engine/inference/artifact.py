"""Serialization of a predictor: safetensors with one versioned JSON header, without pickle.

The bytes may be untrusted. The header is compared with the tensors in the file, by name, type and shape,
before memory of that size is allocated. No content is executed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from safetensors import SafetensorError, deserialize
from safetensors.torch import save as save_tensors
from torch import Tensor

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.errors import ArtifactError
from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.inference.artifact_header import (
    BASE_VERSION,
    BOUNDS_VERSION,
    MEMBERS,
    SPLINES_VERSION,
    SUPPORT_VERSION,
    ArtifactHeader,
    parse_object,
)
from kan_engine.inference.member_artifact import MAX_NUMBERS, NETWORKS, describe_member, read_member
from kan_engine.inference.network_member import NetworkMember
from kan_engine.inference.predictor import Predictor
from kan_engine.network.header import NetworkHeader
from kan_engine.network.kan import KAN

HEADER_LIMIT = 8 * 2**20  # bytes; sufficient for thousands of columns with their categories
MAX_ATTACHMENTS = 16

_METADATA_KEY = "kan"  # key of our header in the metadata of safetensors
_NETWORK_PREFIX = "network."  # prefix of the tensors of the network
_ATTACHMENT_PREFIX = "attached."  # prefix of arrays stored with the model
_FORMULA_RESIDUALS = _ATTACHMENT_PREFIX + "formula.residuals"  # older programs ignore attachments
_DTYPES = {torch.float64: "F64", torch.bool: "BOOL"}
_READ_ERRORS = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)

Shapes = dict[str, tuple[str, tuple[int, ...]]]


def save(
    predictor: Predictor,
    metadata: dict[str, Any] | None = None,
    attached: Mapping[str, Float[np.ndarray, " _"]] | None = None,
) -> bytes:
    """Serialize a predictor; equal predictors give equal bytes.

    Args:
        predictor: The predictor to save.
        metadata: JSON object stored with it, for ``read_metadata``.
        attached: Arrays too large for JSON, for ``read_attached``; they may contain NaN.

    Raises:
        ArtifactError: The header exceeds ``HEADER_LIMIT``.
    """
    header = ArtifactHeader(
        version=BASE_VERSION,
        target=predictor.target,
        classes=predictor.classes,
        decision_weights=predictor.decision_weights,
        transform=None if predictor.outputs is None else predictor.outputs.transform,
        encoding=predictor.encoding.to_dict(),
        network=predictor.network.to_header().to_dict(),
        metadata=metadata or {},
    )
    if predictor.support is not None:
        ends = [[end if math.isfinite(end) else None for end in side] for side in predictor.support]
        header = replace(header, version=SUPPORT_VERSION, support=ends)
    elif predictor.outputs is not None and predictor.outputs.bounds is not None:
        header = replace(header, version=BOUNDS_VERSION, bounds=list(predictor.outputs.bounds))
    if predictor.network.to_header().has_splines_beside_functions:
        header = replace(header, version=SPLINES_VERSION)
    arrays = dict(attached or {})
    for name in MEMBERS:
        member: NetworkMember | None = getattr(predictor, name)
        if member is not None:
            description, tables = describe_member(name, member)
            header, arrays = replace(header, members=header.members | {name: description}), arrays | tables
    tensors = _tensors(predictor) | _attachments(arrays)
    data = save_tensors(tensors, {_METADATA_KEY: header.to_json()})
    if int.from_bytes(data[:8], "little") > HEADER_LIMIT:
        raise ArtifactError(f"the description of the model is over {HEADER_LIMIT} bytes; use fewer columns")
    return data


def load(data: bytes) -> Predictor:
    """Load a predictor that ``save`` has serialized; its predictions are identical bit for bit.

    Raises:
        ArtifactError: The bytes are not a saved model.
    """
    try:
        header, shapes = _read_header(data)
        network = _build_network(NetworkHeader.from_dict(header.network), len(shapes), len(data))
        _check_tensors(shapes, header, network)
        tensors = _read_tensors(data)
        network.load_state_dict(
            {name: tensors[_NETWORK_PREFIX + name] for name in network.state_dict()}, assign=True
        )
        predictor = _build_predictor(header, network, tensors)
        members = _read_members(header, predictor, tensors, len(data))
        return replace(predictor, compact=members.get("compact"), linear=members.get("linear"))
    except _READ_ERRORS as error:
        raise _artifact_error(error) from error


def read_header(data: bytes) -> ArtifactHeader:
    """The header of a model; of its values only the version is checked.

    Raises:
        ArtifactError: The bytes are not a saved model.
    """
    try:
        return _read_header(data)[0]
    except _READ_ERRORS as error:
        raise _artifact_error(error) from error


def read_metadata(data: bytes) -> dict[str, Any]:
    """The JSON object that was saved with a predictor."""
    return read_header(data).metadata


def read_attached(data: bytes) -> dict[str, Float[np.ndarray, " _"]]:
    """The arrays that were saved with a predictor; call ``load`` first, which checks the bytes."""
    try:
        tensors = _read_tensors(data)
    except _READ_ERRORS as error:
        raise _artifact_error(error) from error
    return _select_attachments(tensors)


def _artifact_error(error: Exception) -> ArtifactError:
    reason = f"its header lacks {error}" if isinstance(error, KeyError) else str(error)
    return ArtifactError(f"these bytes are not a saved model: {reason}")


def _tensors(predictor: Predictor) -> dict[str, Shaped[Tensor, " ..."]]:
    arrays = {
        "inputs.center": predictor.inputs.center,
        "inputs.scale": predictor.inputs.scale,
        "residuals": predictor.residuals,
    }
    if predictor.formula_residuals is not None:
        arrays[_FORMULA_RESIDUALS] = predictor.formula_residuals
    if predictor.inputs.quantiles is not None:
        arrays["inputs.quantiles"] = predictor.inputs.quantiles
    if predictor.outputs is not None:
        arrays |= {"outputs.mean": predictor.outputs.mean, "outputs.std": predictor.outputs.std}
    return {
        name: torch.from_numpy(np.array(array, np.float64, order="C")) for name, array in arrays.items()
    } | {
        _NETWORK_PREFIX + name: tensor.detach().contiguous()
        for name, tensor in predictor.network.state_dict().items()
    }


def _attachments(arrays: Mapping[str, Float[np.ndarray, " _"]]) -> dict[str, Float[Tensor, " _"]]:
    return {
        _ATTACHMENT_PREFIX + name: torch.from_numpy(np.array(numbers, np.float64))
        for name, numbers in arrays.items()
    }


def _select_attachments(tensors: Mapping[str, Shaped[Tensor, " ..."]]) -> dict[str, Float[np.ndarray, " _"]]:
    return {
        name.removeprefix(_ATTACHMENT_PREFIX): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith(_ATTACHMENT_PREFIX)
    }


def _read_header(data: bytes) -> tuple[ArtifactHeader, Shapes]:
    """Our header, and type and shape of every tensor according to the header of safetensors."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(HEADER_LIMIT, len(data) - 8):
        raise ArtifactError(
            "these bytes are not a saved model: they do not begin with the length of a header"
        )
    outer = parse_object(data[8 : 8 + length])
    header = ArtifactHeader.from_json(outer.pop("__metadata__")[_METADATA_KEY])
    if not isinstance(header.metadata, dict):
        raise TypeError("its metadata are not a JSON object")
    return header, {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in outer.items()}


def _build_network(header: NetworkHeader, tensors: int, size: int, max_preallocated: int = 2**20) -> KAN:
    """The described network; large networks are created without memory for their tensors.

    In a valid file every node, edge and grid point takes at least one byte, and every layer three tensors. A
    description of a larger network is rejected before it takes time or memory. Up to ``max_preallocated``
    weights (8 MB) are allocated at once: on the meta device a network takes ten times as long, and one second
    on first use in a process.
    """
    width, grid_sizes, order = header.width, header.grid_sizes, header.order
    numbers = [*width, *grid_sizes]
    if 3 * len(grid_sizes) > tensors or len(width) > tensors:
        raise ValueError(f"it describes {len(grid_sizes)} layers, but has {tensors} tensors")
    if (
        any(type(number) is not int or not 1 <= number <= size for number in numbers)
        or type(order) is not int
    ):
        raise ValueError("its width, grid_sizes or order are not valid counts")
    edges = sum(a * b for a, b in pairwise([*width, width[0]]))  # upper bound: direct edges may be absent
    # Memory is bounded before it is taken: every edge has the coefficients of its grid
    is_small = edges * (max(grid_sizes) + order + 1) <= max_preallocated
    with torch.device("cpu" if is_small else "meta"):
        network = KAN.from_header(header)
    for layer in network.all_layers:
        for (i, j), edge in layer.symbolic.items():
            if (
                type(i) is not int
                or type(j) is not int
                or not (0 <= i < layer.in_dim and 0 <= j < layer.out_dim)
            ):
                raise ValueError(f"it has no edge from {i!r} to {j!r}")
            find_function(edge.function)  # InvalidConfig, a ValueError, if there is none
            if not all(map(math.isfinite, edge.constants)):
                raise ValueError(f"the edge from {i} to {j} has constants that are not finite")
    return network


def _check_tensors(shapes: Shapes, header: ArtifactHeader, network: KAN) -> None:
    """Check that the tensors in the file are exactly those that the header describes."""
    wide, out = network.config.width[0], network.config.width[-1]
    # The sizes of residuals, quantiles and attachments are free, all others follow from the network
    layout: Shapes = {
        _NETWORK_PREFIX + name: (_DTYPES[tensor.dtype], tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    layout |= {"inputs.center": ("F64", (wide,)), "inputs.scale": ("F64", (wide,))}
    layout["residuals"] = ("F64", (shapes["residuals"][1][0],))
    if "inputs.quantiles" in shapes:
        layout["inputs.quantiles"] = ("F64", (wide, shapes["inputs.quantiles"][1][1]))
    if header.transform is not None:
        layout |= {"outputs.mean": ("F64", (out,)), "outputs.std": ("F64", (out,))}
    attachments = [
        name for name, (_, shape) in shapes.items() if name.startswith(_ATTACHMENT_PREFIX) and len(shape) == 1
    ]
    layout |= {name: ("F64", shapes[name][1]) for name in attachments[:MAX_ATTACHMENTS]}
    for name in sorted(layout.keys() | shapes.keys()):
        if shapes.get(name) != layout.get(name):
            raise ValueError(f"the tensor {name!r} is {shapes.get(name)}, expected {layout.get(name)}")


def _read_tensors(data: bytes) -> dict[str, Shaped[Tensor, " ..."]]:
    """All tensors; safetensors checks that they fill the file without gaps or overlaps."""
    tensors = {}
    for name, entry in deserialize(data):  # type: ignore[no-untyped-call]
        # Tensors are little-endian doubles or bytes that hold true and false; attachments may hold NaN
        number = np.dtype("<f8" if entry["dtype"] == "F64" else "u1")
        array = np.frombuffer(entry["data"], dtype=number).reshape(entry["shape"])
        if entry["dtype"] == "BOOL":
            if array.max(initial=0) > 1:
                raise ValueError(f"the tensor {name!r} holds values that are neither true nor false")
            array = array.view(np.bool_)
        elif not (name.startswith(_ATTACHMENT_PREFIX) or np.isfinite(array).all()):
            raise ValueError(f"the tensor {name!r} holds values that are not finite")
        tensors[name] = torch.from_numpy(array)
    return tensors


def _build_predictor(
    header: ArtifactHeader, network: KAN, tensors: dict[str, Shaped[Tensor, " ..."]]
) -> Predictor:
    arrays = {
        name: tensor.numpy() for name, tensor in tensors.items() if not name.startswith(_NETWORK_PREFIX)
    }
    for layer in network.all_layers:
        if (layer.knots.diff() < 0).any():
            raise ValueError("its knots are decreasing")
    classes = header.classes
    if classes is not None and not all(_is_label(label) for label in classes):
        raise TypeError("its classes are not valid labels")
    if not isinstance(header.target, str):
        raise TypeError("its target has no name")
    weights = header.decision_weights
    if weights is not None and not all(type(weight) is float for weight in weights):
        raise TypeError("its decision weights are not numbers")
    outputs = None
    if header.transform is not None:
        bounds = _parse_bounds(header.bounds) if header.bounds or header.version == BOUNDS_VERSION else None
        outputs = TargetScaler(header.transform, arrays["outputs.mean"], arrays["outputs.std"], bounds)
    has_support = bool(header.support) or header.version == SUPPORT_VERSION
    return Predictor(
        encoding=Encoding.from_dict(header.encoding),
        inputs=Standardizer(arrays["inputs.center"], arrays["inputs.scale"], arrays.get("inputs.quantiles")),
        network=network,
        outputs=outputs,
        classes=None if classes is None else tuple(classes),
        target=header.target,
        residuals=arrays["residuals"],
        formula_residuals=arrays.get(_FORMULA_RESIDUALS),
        decision_weights=None if weights is None else tuple(weights),
        support=_parse_support(header.support) if has_support else None,
    )


def _read_members(
    header: ArtifactHeader, predictor: Predictor, tensors: dict[str, Shaped[Tensor, " ..."]], size: int
) -> dict[str, NetworkMember]:
    """The further networks of a model by the name of their member."""
    arrays = _select_attachments(tensors)
    width = predictor.network.config.width

    def read(name: str, description: Mapping[str, Any]) -> NetworkMember:
        def build(network: NetworkHeader) -> KAN:
            # Every layer has three numbers or more, unless it reads inputs and uses none of them
            return _build_network(network, 6 + len(arrays[f"{name}.{NETWORKS}"]), size, MAX_NUMBERS)

        return read_member(name, description, arrays, (width[0], width[-1]), build)

    return {name: read(name, description) for name, description in header.members.items()}


def _parse_support(sides: Sequence[Sequence[float | None]]) -> tuple[tuple[float, float], ...]:
    """Support of a density, one range per input; null means unbounded."""
    if any(not (end is None or type(end) is float) for side in sides for end in side):
        raise TypeError("the ends of its support are not numbers")
    return tuple(
        (-math.inf if low is None else low, math.inf if high is None else high) for low, high in sides
    )


def _parse_bounds(ends: Sequence[float]) -> tuple[float, float]:
    """Lower and upper bound of the predictions."""
    low, high = ends
    if type(low) is not float or type(high) is not float:
        raise TypeError("the bounds of its predictions are not numbers")
    return low, high


def _is_label(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, bool | int | float) and math.isfinite(value))
