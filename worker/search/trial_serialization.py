"""A trained network of a search as bytes: what was tried, how it did, and its entries of the contest."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import torch

from kan_engine import Step, Trained, Trial, copied, load, read_attached, read_metadata, save
from worker.search.search_rows import Grounds


def trained_to_bytes(trained: Trained, grounds: Grounds, entries: np.ndarray) -> bytes:
    """Everything of it, so that who reads it may go on as if it had trained the network itself.

    Args:
        trained: A network that was trained on these grounds.
        grounds: They have what the network alone does not tell.
        entries: What it brought into the contest.
    """
    folds_loss = np.nan if trained.folds_loss is None else trained.folds_loss
    history = [astuple(step) for step in trained.history]
    return save(
        grounds.data.predictor(trained.network, grounds.scales[trained.trial.quantile], grounds.scaler),
        {"trial": trained.trial.to_dict(), "optimizer": trained.optimizer},
        {
            "losses": np.array([trained.loss, folds_loss]),
            "history": np.array(history, dtype=float).ravel(),
            "entries": entries,
            "fold_losses": np.zeros(0) if trained.fold_losses is None else trained.fold_losses.numpy(),
        },
    )


def trained_from_bytes(data: bytes) -> tuple[Trained, np.ndarray]:
    """What ``trained_to_bytes`` was given: the network, and its entries of the contest."""
    predictor, metadata, attached = load(data), read_metadata(data), read_attached(data)
    loss, folds_loss = attached["losses"].tolist()
    steps = attached["history"].reshape(-1, 4).tolist()
    trained = Trained(
        trial=Trial.from_dict(metadata["trial"]),
        network=copied(predictor.network),  # what was read from bytes cannot be changed in place
        loss=loss,
        history=tuple(Step(int(number), int(grid), *losses) for number, grid, *losses in steps),
        optimizer=metadata["optimizer"],
        fold_losses=torch.tensor(attached["fold_losses"]) if len(attached["fold_losses"]) else None,
        folds_loss=None if np.isnan(folds_loss) else folds_loss,
    )
    return trained, attached["entries"]


def expected_loss(data: bytes) -> float:
    """The best guess of the loss on fresh rows, from the bytes of a trained network."""
    loss, folds_loss = read_attached(data)["losses"].tolist()
    return float(loss if np.isnan(folds_loss) else folds_loss)
