"""Bit-exact JSON serialization of a fitted structure, so that another process can continue with it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from kan_engine.data.scaling import TargetScaler
from kan_engine.structure.batched_networks import NetworkBatch, Node
from kan_engine.structure.fitted_structure import FittedStructure, InputGrids, Shape, StructureRows
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE, StructureThresholds
from kan_engine.training.loop import TrainingStep


class EncodedTensor(TypedDict):
    """A tensor as JSON: its shape, and its float64 values in base64."""

    shape: list[int]
    data: str


class StoredScaler(TypedDict):
    """A ``TargetScaler`` as JSON."""

    transform: str
    mean: EncodedTensor
    std: EncodedTensor


class StoredStructure(TypedDict):
    """A ``FittedStructure`` as JSON, without its training rows."""

    shape: dict[str, Any]
    grid: int
    nodes: list[dict[str, Any]]
    inner: list[EncodedTensor]
    outer: list[EncodedTensor]
    ends: EncodedTensor
    direct: EncodedTensor
    constant: EncodedTensor
    held: EncodedTensor
    scaler: StoredScaler
    errors: EncodedTensor
    history: EncodedTensor
    dropped: list[tuple[int, list[float]]]


def structure_to_json(fit: FittedStructure) -> StoredStructure:
    """Serialize a fitted structure without its training rows."""
    bundle = fit.bundle
    return {
        "shape": asdict(fit.shape),
        "grid": fit.terms.grid_size,
        "nodes": [asdict(node) for node in bundle.nodes],
        "inner": [_encode_tensor(part) for part in bundle.inner],
        "outer": [_encode_tensor(part) for part in bundle.outer],
        "ends": _encode_tensor(bundle.ends),
        "direct": _encode_tensor(bundle.direct),
        "constant": _encode_tensor(bundle.constant),
        "held": _encode_tensor(bundle.held.double()),
        "scaler": {
            "transform": fit.scaler.transform,
            "mean": _encode_tensor(torch.from_numpy(fit.scaler.mean)),
            "std": _encode_tensor(torch.from_numpy(fit.scaler.std)),
        },
        "errors": _encode_tensor(torch.tensor(fit.errors, dtype=torch.float64)),
        "history": _encode_tensor(_history_tensor(fit.history)),
        "dropped": [(i, list(errors)) for i, errors in fit.dropped.items()],
    }


def structure_from_json(
    data: StoredStructure,
    training: StructureRows,
    thresholds: StructureThresholds = DEFAULT_STRUCTURE,
) -> FittedStructure:
    """Restore the fitted structure that ``structure_to_json`` serialized.

    Args:
        data: Result of ``structure_to_json``.
        training: Rows that the structure was fitted to.
        thresholds: Decision numbers, which the JSON object does not contain.
    """
    shape = Shape(**data["shape"] | {"nodes": _build_nodes(data["shape"]["nodes"])})
    frame = InputGrids(training, shape.order, thresholds)
    bundle = NetworkBatch(
        nodes=_build_nodes(data["nodes"]),
        inner=tuple(map(_decode_tensor, data["inner"])),
        outer=tuple(map(_decode_tensor, data["outer"])),
        ends=_decode_tensor(data["ends"]),
        direct=_decode_tensor(data["direct"]),
        constant=_decode_tensor(data["constant"]),
        held=_decode_tensor(data["held"]).bool(),
    )
    scaler = data["scaler"]
    steps = _decode_tensor(data["history"]).tolist()
    return FittedStructure(
        shape=shape,
        frame=frame,
        bundle=bundle,
        terms=frame.terms(training, data["grid"]),
        scaler=TargetScaler(
            scaler["transform"], _decode_tensor(scaler["mean"]).numpy(), _decode_tensor(scaler["std"]).numpy()
        ),
        errors=tuple(_decode_tensor(data["errors"]).tolist()),
        history=tuple(TrainingStep(int(number), int(grid), *losses) for number, grid, *losses in steps),
        dropped={i: (with_it, without) for i, (with_it, without) in data["dropped"]},
    )


def _history_tensor(history: tuple[TrainingStep, ...]) -> Tensor:
    return torch.tensor([astuple(step) for step in history], dtype=torch.float64).reshape(-1, 4)


def _build_nodes(data: Sequence[Mapping[str, Any]]) -> tuple[Node, ...]:
    return tuple(Node(**node) for node in data)


def _encode_tensor(values: Tensor) -> EncodedTensor:
    """Encode float64 values in base64: compact and exact, also for NaN and infinity, which JSON lacks."""
    array = values.numpy().astype("<f8")
    return {"shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def _decode_tensor(data: EncodedTensor) -> Tensor:
    array = np.frombuffer(base64.b64decode(data["data"]), dtype="<f8")
    return torch.from_numpy(array.astype(float).reshape(data["shape"]))
