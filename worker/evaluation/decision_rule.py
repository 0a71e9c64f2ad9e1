"""How a classifier decides for a label: by calibrated probabilities, and a rule that the data choose.

Probabilities are those of the data, rows counted by their ``weight``. What the client says of the worth
of classes, ``class_weight``, acts on the training and on the decision, and on no probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from kan_engine import KAN, Predictor, Standardizer, calibrate_, f1_threshold, put_into_
from kan_engine.data.labels import class_name
from worker.data.preparation import Prepared

IMBALANCED = 0.2
"""Share of the rarer of two classes below which accuracy says little: who always guesses the other class
is right in four of five rows. Google's machine learning glossary calls it a moderate imbalance."""


@dataclass(frozen=True)
class Decision:
    """What the probabilities of the classes are multiplied by before the largest decides, and why.

    Attributes:
        rule: Its kind.
        weights: Per class; None takes the likeliest.
        reason: In words.
    """

    rule: Literal["likeliest", "class_weight", "f1"]
    weights: tuple[float, ...] | None
    reason: str


def calibrate_on_validation_(network: KAN, judged: KAN, inputs: Standardizer, data: Prepared) -> None:
    """Make the network's probabilities those of the validation rows, in place.

    Args:
        network: The network that serves.
        judged: The same before it had seen the validation rows, or the network itself; calibrated, too.
        inputs: Their scale.
        data: The rows.
    """
    part = data.validation
    class_weights = np.ones(len(data.classes or ())) if data.class_weights is None else data.class_weights
    calibration = calibrate_(
        judged,
        torch.from_numpy(inputs.forward(part.encoded)),
        torch.from_numpy(part.targets).long(),
        weights=torch.from_numpy(data.row_weights(part)),
        class_weights=torch.from_numpy(class_weights),
    )
    if network is not judged:
        put_into_(network, calibration)


def choose_decision(predictor: Predictor, data: Prepared) -> Decision:
    """The rule for these classes.

    Class weights of the client decide as they trained: a class of weight 3 wins where it is a third as
    likely as another; ``balanced`` ones maximise the balanced accuracy. Else the likeliest class wins,
    which maximises the accuracy. Where one of two classes is rare that would hardly ever be the rare
    one: there the threshold is the one that promises the highest F1 of the rare class, as long as the
    network tells more of it than how rare it is.
    """
    assert data.classes is not None  # noqa: S101 - asked of classifiers alone
    if data.class_weights is not None:
        return Decision("class_weight", tuple(data.class_weights.tolist()), "class_weight decides")
    shares = np.bincount(data.training.targets.astype(int), data.training.weights)
    shares = shares / shares.sum()
    rare = int(shares.argmin())
    if len(data.classes) > 2 or shares[rare] >= IMBALANCED:
        return Decision("likeliest", None, "the likeliest class, which maximises the accuracy")
    name, share = class_name(data.classes[rare]), f"{shares[rare]:.3g}"
    p = predictor.probabilities(data.validation.encoded)
    if not _tells_more(p, data, shares):
        why = (
            f"the likeliest class: of {name!r} (share {share}) the network tells no more than how rare it is"
        )
        return Decision("likeliest", None, why)
    threshold = f1_threshold(p[:, rare], data.validation.weights)
    weights = [threshold, threshold]
    weights[rare] = 1 - threshold
    return Decision("f1", (weights[0], weights[1]), f"the highest F1 of {name!r}, whose share is {share}")


def _tells_more(p: np.ndarray, data: Prepared, shares: np.ndarray) -> bool:
    """Whether the log loss is below that of the shares alone, by more than a standard error."""
    part = data.validation
    own = part.targets.astype(int)
    tiny = np.finfo(float).tiny
    gain = part.weights * np.log(np.maximum(p[np.arange(len(p)), own], tiny) / shares[own])
    return bool(gain.sum() > np.sqrt((gain**2).sum()))
