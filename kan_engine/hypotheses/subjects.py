"""Trained models as functions whose structure is examined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.hypotheses.target_function import Rows, TargetFunction
from kan_engine.inference.predictor import Predictor
from kan_engine.network.compiled.network import compile_network
from kan_engine.network.kan import KAN

MAX_ROWS = 2_000
EXACT, DEFAULT, ROUGH = (
    1e-3,
    0.01,
    0.03,
)  # least, usual and largest error of a statement, as a share of the spread


def examine_network(network: KAN, x: Float[torch.Tensor, "rows in_dim"], output: int = 0) -> TargetFunction:
    """An output of a network, around rows; its columns are ``x_1``, ``x_2``, …"""
    run = compile_network(network)
    places = {f"x_{place + 1}": (place,) for place in range(network.config.width[0])}
    rows = x.detach().double().numpy()
    return TargetFunction(lambda x: run(x)[:, output], rows, places, frozenset(places))


def examine_predictor(predictor: Predictor, x: Rows, *, output: int = 0, seed: int = 0) -> TargetFunction:
    """What a model says of encoded rows: values in the target's units, or the log-odds of a class."""
    encoding, scaler = predictor.encoding, predictor.outputs
    places: dict[str, tuple[int, ...]] = {}
    for place, column in enumerate(encoding.names):
        places[column.feature] = (*places.get(column.feature, ()), place)
    numbers = {
        feature.name
        for feature in encoding.features
        if feature.type == "number" and len(places[feature.name]) == 1
    }
    if scaler is not None and scaler.bounds is not None:
        # Answers are bounded, which laws are not
        predictor = replace(predictor, outputs=replace(scaler, bounds=None))

    def evaluate(rows: Rows) -> Float[np.ndarray, " rows"]:
        is_value = predictor.task == "regression"
        values = predictor.predict(rows) if is_value else predictor.raw_outputs(rows)
        return np.asarray(values, dtype=float).reshape(len(rows), -1)[:, output]

    chosen = np.random.default_rng(seed).permutation(len(x))[:MAX_ROWS]
    return TargetFunction(evaluate, x[chosen], places, frozenset(numbers))


def choose_tolerance(predictor: Predictor, function: TargetFunction) -> float:
    """The largest error of a statement: about that of the model, from a thousandth to 3 % of the spread."""
    if not len(predictor.residuals):
        return ROUGH
    error = float(np.sqrt(np.mean(predictor.residuals**2))) / function.spread
    return float(np.clip(2 * error, EXACT, ROUGH))
