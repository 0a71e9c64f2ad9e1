"""The decision rule of a classifier: calibrated probabilities, and decision weights chosen automatically.

Probabilities describe the data, with rows counted by their ``weight``. The client's ``class_weight``
affects the training and the decision, but not the probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.data.labels import class_name
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.inference.calibration import apply_calibration_, calibrate_
from kan_engine.inference.label_decision import f1_threshold
from kan_engine.inference.predictor import Predictor
from kan_engine.inference.thresholds import InferenceThresholds
from kan_engine.network.kan import KAN


@dataclass(frozen=True)
class Decision:
    """Decision weights: each class probability is multiplied by its weight, and the largest product decides.

    Attributes:
        rule: Kind of the rule.
        weights: Weight of every class; None for equal weights, which take the likeliest class.
        reason: Explanation for the client.
    """

    rule: Literal["likeliest", "class_weight", "f1"]
    weights: tuple[float, ...] | None
    reason: str


def calibrate_on_validation_(
    network: KAN,
    validation_network: KAN,
    inputs: Standardizer,
    data: TrainingData,
    thresholds: InferenceThresholds,
) -> None:
    """Calibrate the network's probabilities on the validation rows, in place.

    Args:
        network: The network that is kept.
        validation_network: The network before it was trained on the validation rows, or ``network`` itself.
            It is calibrated, too.
        inputs: Scaling of the encoded columns.
        data: The rows.
        thresholds: Decision numbers.
    """
    part = data.validation
    class_weights = np.ones(len(data.classes or ())) if data.class_weights is None else data.class_weights
    calibration = calibrate_(
        validation_network,
        torch.from_numpy(inputs.forward(part.x)),
        torch.from_numpy(part.y).long(),
        weights=torch.from_numpy(data.row_weights(part)),
        class_weights=torch.from_numpy(class_weights),
        thresholds=thresholds,
    )
    if network is not validation_network:
        apply_calibration_(network, calibration)


def choose_decision(predictor: Predictor, data: TrainingData, *, rare_class_share: float = 0.2) -> Decision:
    """Choose the decision rule of a classifier.

    With class weights from the client, these decide: a class of weight 3 wins if it is a third as likely
    as another; ``balanced`` weights maximise the balanced accuracy. Otherwise the likeliest class wins,
    which maximises the accuracy. If one of two classes is rare, that rule would hardly ever predict it.
    The threshold then maximises the expected F1 of the rare class, provided that the network predicts it
    better than its share does.

    Args:
        rare_class_share: Share of the rarer of two classes below which accuracy is not informative: a
            constant guess of the other class is right in four of five rows. Google's machine learning
            glossary calls this a moderate imbalance.
    """
    assert data.classes is not None  # noqa: S101 - asked of classifiers alone
    if data.class_weights is not None:
        return Decision("class_weight", tuple(data.class_weights.tolist()), "class_weight decides")
    # Weighted shares of the classes: the constant guess that a network must improve on
    shares = np.bincount(data.training.classes, data.training.weights)
    shares = shares / shares.sum()
    rare = int(shares.argmin())
    if len(data.classes) > 2 or shares[rare] >= rare_class_share:
        return Decision("likeliest", None, "the likeliest class, which maximises the accuracy")
    name, share = class_name(data.classes[rare]), f"{shares[rare]:.3g}"
    p = predictor.probabilities(data.validation.x)
    if not _beats_class_shares(p, data, shares):
        why = f"the likeliest class: the network predicts {name!r} no better than its share of {share} does"
        return Decision("likeliest", None, why)
    threshold = f1_threshold(p[:, rare], data.validation.weights)
    weights = [threshold, threshold]
    weights[rare] = 1 - threshold
    return Decision("f1", (weights[0], weights[1]), f"the highest F1 of {name!r}, whose share is {share}")


def _beats_class_shares(
    p: Float[np.ndarray, "rows classes"], data: TrainingData, shares: Float[np.ndarray, " classes"]
) -> bool:
    """Return whether the log loss is lower than that of the class shares by more than a standard error."""
    part = data.validation
    codes = part.classes
    tiny = np.finfo(float).tiny
    # Log likelihood ratio of every row, with the standard error of the sum
    gain = part.weights * np.log(np.maximum(p[np.arange(len(p)), codes], tiny) / shares[codes])
    return bool(gain.sum() > np.sqrt((gain**2).sum()))
