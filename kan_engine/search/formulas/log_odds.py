"""The log-odds of a classifier as targets of formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.formulas.problem import Problem
from kan_engine.network.kan import KAN
from kan_engine.search.context import SearchContext, make_problem, sample_search_rows


def make_log_odds_problem(network: KAN, inputs: Standardizer, run: SearchContext, output: int = 0) -> Problem:
    """The log-odds of an output as a target of formulas, without the weights of the classes."""
    most = run.thresholds.max_log_odds
    fit, validation = (
        replace(
            part,
            y=_compute_bounded_logits(network, inputs, part, most)[:, output],
            weights=run.data.row_weights(part),
        )
        for part in sample_search_rows(run)
    )
    return make_problem(run, (fit, validation))


def _compute_bounded_logits(
    network: KAN, inputs: Standardizer, part: LabelledRows, most: float
) -> np.ndarray:
    """Logits of a classifier for these rows, clamped to ``±most`` [n, outputs]."""
    with torch.no_grad():
        logits = network(torch.from_numpy(inputs.forward(part.x)))
    bounded: np.ndarray = logits.clamp(-most, most).numpy()
    return bounded


def compute_base_log_odds(data: TrainingData, most: float) -> float:
    """Log-odds of the second class among the training rows, clamped to ``±most``."""
    share = float(np.average(data.training.y, weights=data.row_weights(data.training)))
    return float(np.clip(np.log(share) - np.log1p(-share), -most, most))
