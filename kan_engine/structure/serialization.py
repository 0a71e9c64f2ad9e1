"""Bit-exact JSON serialization of a fitted structure, so that another process can continue with it."""

from __future__ import annotations

import base64
from dataclasses import asdict, astuple
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kan_engine.data.scaling import TargetScaler
from kan_engine.structure.batched_networks import Bundle, Node
from kan_engine.structure.search import Fit, Frame, Sample, Shape
from kan_engine.training.loop import Step


def fit_to_json(fit: Fit) -> dict[str, Any]:
    """Serialize a fitted structure without its training rows."""
    bundle = fit.bundle
    return {
        "shape": asdict(fit.shape),
        "grid": fit.terms.grid_size,
        "nodes": [asdict(node) for node in bundle.nodes],
        "inner": [_packed(part) for part in bundle.inner],
        "outer": [_packed(part) for part in bundle.outer],
        "ends": _packed(bundle.ends),
        "direct": _packed(bundle.direct),
        "constant": _packed(bundle.constant),
        "held": _packed(bundle.held.double()),
        "scaler": {
            "transform": fit.scaler.transform,
            "mean": _packed(torch.from_numpy(fit.scaler.mean)),
            "std": _packed(torch.from_numpy(fit.scaler.std)),
        },
        "errors": _packed(torch.tensor(fit.errors, dtype=torch.float64)),
        "history": _packed(_table(fit.history)),
        "dropped": [[i, list(errors)] for i, errors in fit.dropped.items()],
    }


def fit_from_json(data: dict[str, Any], training: Sample) -> Fit:
    """Restore the fitted structure that ``structure_to_json`` serialized.

    Args:
        data: Result of ``structure_to_json``.
        training: Rows that the structure was fitted to.
    """
    shape = Shape(**data["shape"] | {"nodes": _nodes(data["shape"]["nodes"])})
    frame = Frame(training, shape.order)
    bundle = Bundle(
        nodes=_nodes(data["nodes"]),
        inner=tuple(map(_unpacked, data["inner"])),
        outer=tuple(map(_unpacked, data["outer"])),
        ends=_unpacked(data["ends"]),
        direct=_unpacked(data["direct"]),
        constant=_unpacked(data["constant"]),
        held=_unpacked(data["held"]).bool(),
    )
    scaler = data["scaler"]
    steps = _unpacked(data["history"]).tolist()
    return Fit(
        shape=shape,
        frame=frame,
        bundle=bundle,
        terms=frame.terms(training, data["grid"]),
        scaler=TargetScaler(
            scaler["transform"], _unpacked(scaler["mean"]).numpy(), _unpacked(scaler["std"]).numpy()
        ),
        errors=tuple(_unpacked(data["errors"]).tolist()),
        history=tuple(Step(int(number), int(grid), *losses) for number, grid, *losses in steps),
        dropped={i: (with_it, without) for i, (with_it, without) in data["dropped"]},
    )


def _table(history: tuple[Step, ...]) -> Tensor:
    return torch.tensor([astuple(step) for step in history], dtype=torch.float64).reshape(-1, 4)


def _nodes(data: list[dict[str, Any]]) -> tuple[Node, ...]:
    return tuple(Node(**node) for node in data)


def _packed(values: Tensor) -> dict[str, Any]:
    """Encode float64 values in base64: compact and exact, also for NaN and infinity, which JSON lacks."""
    array = values.numpy().astype("<f8")
    return {"shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def _unpacked(data: dict[str, Any]) -> Tensor:
    array = np.frombuffer(base64.b64decode(data["data"]), dtype="<f8")
    return torch.from_numpy(array.astype(float).reshape(data["shape"]))
