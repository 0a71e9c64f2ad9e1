"""The log-odds of a classifier as targets of formulas, which the labels decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.formulas.core.working_responses import complete_logits, make_working_responses
from kan_engine.formulas.problem import Problem
from kan_engine.network.kan import KAN
from kan_engine.search.context import SearchContext, make_problem, sample_search_rows


def make_log_odds_problem(network: KAN, inputs: Standardizer, run: SearchContext, output: int = 0) -> Problem:
    """The log-odds of an output as a target of formulas, without the weights of the classes.

    Those of two classes are working responses, which stand on the network but are decided by the labels: rows
    at which the network is sure hardly count. Of more classes they are its clamped logits.
    """
    most = run.thresholds.max_log_odds

    def make_rows(part: LabelledRows) -> LabelledRows:
        logits = _compute_logits(network, inputs, part)
        part = replace(part, weights=run.data.row_weights(part))
        if logits.shape[1] == 1:
            return make_working_responses(part, complete_logits(logits), 1)
        return part.with_target(logits[:, output].clip(-most, most))

    fit, validation = (make_rows(part) for part in sample_search_rows(run))
    return make_problem(run, (fit, validation))


def _compute_logits(network: KAN, inputs: Standardizer, part: LabelledRows) -> np.ndarray:
    """Logits of a classifier for these rows [n, outputs]."""
    with torch.no_grad():
        logits: np.ndarray = network(torch.from_numpy(inputs.forward(part.x))).numpy()
    return logits


def compute_base_log_odds(data: TrainingData, most: float) -> float:
    """Log-odds of the second class among the training rows, clamped to ``±most``."""
    share = float(np.average(data.training.y, weights=data.row_weights(data.training)))
    return float(np.clip(np.log(share) - np.log1p(-share), -most, most))
