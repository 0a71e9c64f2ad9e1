"""Predictor: a trained network with all that lies between a client's columns and its answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

from kan_engine.data.encoding import Encoding
from kan_engine.data.labels import Label
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.inference.label_decision import decide
from kan_engine.network.compiled.network import CompiledNetwork, compile_network
from kan_engine.network.kan import KAN

Columns = Mapping[str, np.ndarray] | Float[np.ndarray, "rows inputs"]  # by name, or encoded already

BLOCK_NUMBERS = 2**18  # inputs of one block of rows: 2 MB


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """Columns in the client's units → encoding → standardizer → network → values or labels.

    A regression has one output per target and a ``TargetScaler``. A classifier has ``classes``: two
    share one output, the log-odds of ``classes[1]``; more have one logit each.

    Args:
        encoding: How columns become numbers.
        inputs: Their unit scale.
        network: The trained network; it is not changed.
        outputs: Scale of the targets; None for a classifier.
        classes: Labels in the dataset's own type; None for a regression.
        target: The client's name of the target.
        residuals: Absolute errors on the validation rows, as they were if these had not chosen the network
            (see ``Contest``), in the target's units; they give intervals.
        formula_residuals: The same of the model's formula, sorted; None if it has none, or from before they
            were kept.
        support: Of a density, the range of every input within which it is not 0; None of anything else.
        decision_weights: What the probabilities of the classes are multiplied by before the largest is
            the label; None takes the likeliest class.
    """

    encoding: Encoding
    inputs: Standardizer
    network: KAN
    outputs: TargetScaler | None
    classes: tuple[Label, ...] | None
    target: str
    residuals: Float[np.ndarray, " validation"]
    formula_residuals: Float[np.ndarray, " formula"] | None = None
    decision_weights: tuple[float, ...] | None = None
    support: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together; saved models pass here on their way in."""
        width = self.network.config.width
        if not len(self.encoding.names) == len(self.inputs.center) == width[0]:
            raise InvalidConfig(f"encoding and scale do not give the {width[0]} inputs of the network")
        if (self.outputs is None) == (self.classes is None):
            raise InvalidConfig("a network has either a target scale or classes")
        if self.outputs is not None and len(self.outputs.mean) != width[-1]:
            raise InvalidConfig(f"the target scale does not take the {width[-1]} outputs of the network")
        if self.classes is not None and width[-1] != _output_count(self.classes):
            raise InvalidConfig(
                f"{len(self.classes)} classes do not take the {width[-1]} outputs of the network"
            )
        for residuals in (self.residuals, self.formula_residuals):
            if residuals is not None and not (np.isfinite(residuals) & (residuals >= 0)).all():
                raise InvalidConfig("residuals must be finite and not negative")
        if self.decision_weights is not None:
            _check_decision(self.decision_weights, self.classes)
        if self.support is not None:
            _check_support(self)

    @property
    def task(self) -> Literal["regression", "classification", "density"]:
        """What it tells: a number, a class, or how densely rows lie."""
        if self.classes is not None:
            return "classification"
        return "regression" if self.support is None else "density"

    @cached_property
    def unused(self) -> frozenset[str]:
        """Features that no live path leads from; they may be absent and change nothing."""
        lives = zip(self.encoding.names, _live_inputs(self.network).tolist(), strict=True)
        used = {column.feature for column, is_live in lives if is_live}
        return frozenset(feature.name for feature in self.encoding.features if feature.name not in used)

    def raw(self, columns: Columns) -> Float[np.ndarray, "rows outputs"]:
        """What the network gives, in its own scale: standardised targets, log-odds or logits.

        Args:
            columns: Columns by the client's names, or rows that ``encoding`` has encoded already.

        Raises:
            InvalidData: A column that the network reads is absent, or a value is not of its type.
        """
        encoded = self._encoded(columns)
        y = np.empty((len(encoded), self.network.config.width[-1]))
        for start in range(0, len(encoded), self._block):
            block = slice(start, start + self._block)
            y[block] = self._compiled(self.inputs.forward(encoded[block]))
        return y

    def predict(self, columns: Columns) -> Shaped[np.ndarray, " rows *outputs"]:
        """Values in the target's units, or labels.

        Numbers are [rows], with several outputs [rows, outputs], and not finite where the network is
        not defined. Labels are Python objects, None in such a row.
        """
        if self.outputs is None:
            return self.labels(self.probabilities(columns))
        encoded = self._encoded(columns)
        values: np.ndarray = self.outputs.inverse(self.raw(encoded))
        if self.support is not None:
            low, high = np.array(self.support).T
            values[((encoded < low) | (encoded > high)).any(1)] = 0.0
        return values[:, 0] if values.shape[1] == 1 else values

    def probabilities(self, columns: Columns) -> Float[np.ndarray, "rows classes"]:
        """Probability of every class, in the order of ``classes``."""
        if self.classes is None:
            raise InvalidData(f"{self.target!r} is a number: a regression has no probabilities")
        logits = torch.from_numpy(self.raw(columns))
        if len(self.classes) == 2:
            return torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], 1).numpy()
        return torch.softmax(logits, 1).numpy()

    def labels(self, probabilities: Float[np.ndarray, "rows classes"]) -> Shaped[np.ndarray, " rows"]:
        """The class of every row whose weighted probability is the largest; the earlier one of two equal."""
        names = np.empty(len(self.classes or ()) + 1, dtype=object)
        names[:-1] = self.classes
        defined = np.isfinite(probabilities).all(1)
        labels: np.ndarray = names[np.where(defined, decide(probabilities, self.decision_weights), -1)]
        return labels

    @property
    def threshold(self) -> float | None:
        """Probability of ``classes[1]`` above which it is the label; None unless there are two classes."""
        if self.classes is None or len(self.classes) != 2:
            return None
        first, second = self.decision_weights or (0.5, 0.5)
        return first / (first + second)

    def margin(self, level: float) -> float:
        """Half the width of the prediction interval, the same for every row.

        Split conformal prediction (Lei et al. 2018, arXiv:1604.04173): of n absolute validation
        residuals the ⌈(n + 1)·level⌉-th smallest. A new row drawn like the validation rows, whatever these
        weigh, lies inside with a probability of at least ``level``, in the mean over all such rows. With
        too few residuals for that there is no such interval.

        Args:
            level: Probability that the interval is to hold, between 0 and 1.
        """
        if self.outputs is None or len(self.outputs.mean) > 1 or self.support is not None:
            raise InvalidData(f"there are no intervals for {self.target!r}: they need one number as target")
        if not 0 < level < 1:
            raise InvalidData(f"the level of an interval must lie between 0 and 1, got {level}")
        rows = len(self.residuals)
        rank = math.ceil((rows + 1) * level - 1e-9)  # 0.9 · 10 is 9, whatever the last bit says
        if rank > rows:
            highest = f"; ask for at most {math.floor(1e4 * rows / (rows + 1)) / 1e4}" if rows else ""
            raise InvalidData(f"{rows} validation rows are too few for intervals at {level}{highest}")
        return float(self._sorted_residuals[rank - 1])

    def intervals(self, columns: Columns, level: float) -> Float[np.ndarray, "rows 2"]:
        """Lower and upper bound of every prediction, as ``margin`` explains."""
        margin = self.margin(level)
        values = self.predict(columns)
        bounds: np.ndarray = np.stack([values - margin, values + margin], axis=1)
        return bounds

    def outside_mask(self, columns: Mapping[str, np.ndarray]) -> Bool[np.ndarray, "rows features"]:
        """Which values, of features that the network reads, training never saw the like of."""
        read = np.array([feature.name not in self.unused for feature in self.encoding.features])
        outside: np.ndarray = self.encoding.outside_mask(columns) & read
        return outside

    def outside(self, columns: Mapping[str, np.ndarray]) -> list[tuple[int, str]]:
        """Row and feature of every such value, row by row."""
        places = np.argwhere(self.outside_mask(columns))
        return [(int(row), self.encoding.features[place].name) for row, place in places]

    def _encoded(self, columns: Columns) -> Float[np.ndarray, "rows inputs"]:
        if isinstance(columns, np.ndarray):
            return columns
        return self.encoding.transform(columns, optional=self.unused)

    @cached_property
    def _compiled(self) -> CompiledNetwork:
        """The network for evaluation; two threads that come first at once build equal ones."""
        return compile_network(self.network)

    @cached_property
    def _block(self) -> int:
        """Rows to scale at once, so that memory does not grow with the rows."""
        return max(1, BLOCK_NUMBERS // self.network.config.width[0])

    @cached_property
    def _sorted_residuals(self) -> Float[np.ndarray, " validation"]:
        return np.sort(self.residuals)


def _output_count(classes: tuple[Label, ...]) -> int:
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise InvalidConfig(f"a classifier needs at least two different classes, got {classes}")
    return 1 if len(classes) == 2 else len(classes)


def _check_decision(weights: tuple[float, ...], classes: tuple[Label, ...] | None) -> None:
    if len(weights) != len(classes or ()):
        raise InvalidConfig(f"{len(weights)} decision weights do not fit the classes {classes}")
    if not all(0 < weight < math.inf for weight in weights):
        raise InvalidConfig(f"decision weights must be finite and greater than 0, got {weights}")


def _check_support(predictor: Predictor) -> None:
    """A density is the exponential of one output, over a range of every number that it reads."""
    outputs, support = predictor.outputs, predictor.support or ()
    if outputs is None or outputs.transform != "log" or len(outputs.mean) != 1:
        raise InvalidConfig("only the exponential of one output is a density")
    if len(support) != len(predictor.encoding.names) or not all(low < high for low, high in support):
        raise InvalidConfig(f"the support of a density is a range of every input, got {support}")


def _live_inputs(network: KAN) -> Bool[torch.Tensor, " in_dim"]:
    """Inputs from which a path of unpruned edges leads to an output."""
    live = torch.ones(network.config.width[-1], dtype=torch.bool)
    for layer in reversed(network.all_layers[: len(network.layers)]):
        live = (layer.mask & live).any(1)
    return live if network.direct is None else live | network.direct.mask.any(1)
