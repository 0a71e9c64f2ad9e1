"""Serialization of a trained network with its trial, losses and validation errors."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import torch

from kan_engine import (
    TrainingStep,
    Trial,
    TrialResult,
    copy_network,
    load,
    read_attached,
    read_metadata,
    save,
)
from worker.search.search_rows import SearchRows


def serialize_trained(trained: TrialResult, grounds: SearchRows, entries: np.ndarray) -> bytes:
    """Serialize a trained network completely, so that another process continues as if it had trained it.

    Args:
        trained: A network that was trained on these rows.
        grounds: The rows, with the scales that the network itself does not contain.
        entries: The validation errors that its training recorded.
    """
    folds_loss = np.nan if trained.folds_loss is None else trained.folds_loss
    history = [astuple(step) for step in trained.history]
    return save(
        grounds.data.make_predictor(trained.network, grounds.scales[trained.trial.quantile], grounds.scaler),
        {"trial": trained.trial.to_dict(), "optimizer": trained.optimizer},
        {
            "losses": np.array([trained.loss, folds_loss]),
            "history": np.array(history, dtype=float).ravel(),
            "entries": entries,
            "fold_losses": np.zeros(0) if trained.fold_losses is None else trained.fold_losses.numpy(),
        },
    )


def deserialize_trained(data: bytes) -> tuple[TrialResult, np.ndarray]:
    """The inverse of ``serialize_trained``: the network and its validation errors."""
    predictor, metadata, attached = load(data), read_metadata(data), read_attached(data)
    loss, folds_loss = attached["losses"].tolist()
    steps = attached["history"].reshape(-1, 4).tolist()
    trained = TrialResult(
        trial=Trial.from_dict(metadata["trial"]),
        network=copy_network(predictor.network),  # tensors loaded from bytes are read-only
        loss=loss,
        history=tuple(TrainingStep(int(number), int(grid), *losses) for number, grid, *losses in steps),
        optimizer=metadata["optimizer"],
        fold_losses=torch.tensor(attached["fold_losses"]) if len(attached["fold_losses"]) else None,
        folds_loss=None if np.isnan(folds_loss) else folds_loss,
    )
    return trained, attached["entries"]


def read_expected_loss(data: bytes) -> float:
    """The expected loss on fresh rows, from a serialized network."""
    loss, folds_loss = read_attached(data)["losses"].tolist()
    return float(loss if np.isnan(folds_loss) else folds_loss)
