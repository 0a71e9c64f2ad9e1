"""Samples of laws whose formula is known, for the search and for what reads formulas."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TargetScaler
from kan_engine.structure.batched_levenberg_marquardt import fit_batch
from kan_engine.structure.batched_networks import Node, compute_outputs, initialize_networks
from kan_engine.structure.fitted_structure import (
    FittedStructure,
    InputGrids,
    Shape,
    StructureRows,
    scale_targets,
)
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE

Law = Callable[..., np.ndarray]
Ends = float | tuple[float, ...]


def sampled(
    law: Law, inputs: int, rows: int, *, seed: int = 0, low: Ends = 0.5, high: Ends = 2.0
) -> StructureRows:
    """Rows of ``law``, every input uniform between its ends, or those of all."""
    low, high = np.broadcast_to(low, inputs), np.broadcast_to(high, inputs)
    raw = np.random.default_rng(seed).uniform(low, high, (rows, inputs))
    middle, half_width = (low + high) / 2, (high - low) / 2
    return make_sample(raw, law(*raw.T), (raw - middle) / half_width)


def make_sample(raw: np.ndarray, y: np.ndarray, x: np.ndarray | None = None) -> StructureRows:
    """Rows of inputs x1, x2, … with equal weights, scaled to ``x``, or raw."""
    names = tuple(f"x{place + 1}" for place in range(raw.shape[1]))
    rows = LabelledRows(raw, y, np.ones(len(y)), names)
    return StructureRows(rows=rows, x=torch.from_numpy(raw if x is None else x))


def fit_of(
    nodes: tuple[Node, ...],
    training: StructureRows,
    validation: StructureRows,
    *,
    direct: bool = True,
    transform: str = "identity",
    grid: int = 8,
) -> FittedStructure:
    """The best of eight starts of a shape on one grid."""
    frame = InputGrids(training, 3)
    scaler = TargetScaler.fit(training.y.numpy(), transform)
    terms = frame.terms(training, grid)
    bundle = initialize_networks(nodes, terms, 8, torch.Generator().manual_seed(0), direct=direct)
    targets = scale_targets(scaler, training).expand(8, -1)
    bundle = fit_batch(
        bundle, terms, targets, training.weights, steps=25, rounds=2, thresholds=DEFAULT_STRUCTURE
    )
    shape = Shape(nodes=nodes, direct=direct, transform=transform)
    fit = FittedStructure(shape=shape, frame=frame, bundle=bundle, terms=terms, scaler=scaler, errors=())
    losses = (compute_outputs(bundle, terms) - targets).square().mean(1)
    best = bundle[[int(losses.argmin())]]
    return replace(fit, bundle=best, errors=(fit.relative_error(validation, best),))
