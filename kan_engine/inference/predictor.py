"""Predictor: a trained network with encoding and scaling, from the client's columns to predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped

from kan_engine.data.encoding import Encoding
from kan_engine.data.labels import Label, name_outputs
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.inference.label_decision import choose_classes
from kan_engine.inference.network_member import NetworkMember
from kan_engine.network.compiled.network import CompiledNetwork, compile_network
from kan_engine.network.kan import KAN
from kan_engine.network.pruning import live_inputs

NetworkName = Literal["accurate", "compact", "linear"]
Columns = Mapping[str, np.ndarray] | Float[np.ndarray, "rows inputs"]  # by name, or already encoded


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """Columns in the client's units → encoding → standardizer → network → values or labels.

    A regression has one output per target and a ``TargetScaler``. A classifier has ``classes``: two classes
    share one output, the log-odds of ``classes[1]``; more classes have one logit each.

    Args:
        encoding: Converts columns to numbers.
        inputs: Scales the encoded inputs.
        network: The trained network; it is not changed.
        outputs: Scale of the targets; None for a classifier.
        classes: Labels in the type of the dataset; None for a regression.
        target: The client's name of the target.
        residuals: Absolute errors on the validation rows in the target's units, corrected for selection bias
            (see ``OptimismCorrection``); the basis of prediction intervals.
        formula_residuals: Absolute errors of the model's formula, sorted; None without a formula, or if they
            were not stored.
        support: For a density, the range of every input within which it is not 0; None for other models.
        decision_weights: Factors of the class probabilities; the label has the largest product. None means
            equal weights.
        compact: The compact networks of the same model; None without any. See ``compact_predictor``.
        linear: Its line, in the same way.
        block_numbers: Encoded inputs of one block of rows: 2 MB.

    Raises:
        InvalidConfig: The parts do not fit together.
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
    compact: NetworkMember | None = None
    linear: NetworkMember | None = None
    block_numbers: int = 2**18

    def __post_init__(self) -> None:
        """Check that the parts fit together; loaded models are checked here, too."""
        width = self.network.config.width
        if not len(self.encoding.names) == len(self.inputs.center) == width[0]:
            raise InvalidConfig(f"encoding and scale do not fit the {width[0]} inputs of the network")
        if (self.outputs is None) == (self.classes is None):
            raise InvalidConfig("a predictor needs either a target scale or classes")
        if self.outputs is not None and len(self.outputs.mean) != width[-1]:
            raise InvalidConfig(f"the target scale does not fit the {width[-1]} outputs of the network")
        if self.classes is not None and width[-1] != _output_count(self.classes):
            raise InvalidConfig(
                f"{len(self.classes)} classes do not fit the {width[-1]} outputs of the network"
            )
        for residuals in (self.residuals, self.formula_residuals):
            if residuals is not None and not (np.isfinite(residuals) & (residuals >= 0)).all():
                raise InvalidConfig("residuals must be finite and not negative")
        if self.decision_weights is not None:
            _check_decision(self.decision_weights, self.classes)
        if self.support is not None:
            _check_support(self)
        for member in (self.compact, self.linear):
            if member is not None:
                self._predict_by(member)  # which checks that its parts fit

    @staticmethod
    def from_training(
        data: TrainingData, network: KAN, inputs: Standardizer, outputs: TargetScaler | None
    ) -> Predictor:
        """Combine a network with the encoding of the rows that it was trained on, and with its scales."""
        return Predictor(
            encoding=data.encoding,
            inputs=inputs,
            network=network,
            outputs=outputs,
            classes=data.classes,
            target=data.target,
            residuals=np.zeros(0),
        )

    @property
    def task(self) -> Literal["regression", "classification", "density"]:
        """Kind of prediction: a number, a class, or a probability density."""
        if self.classes is not None:
            return "classification"
        return "regression" if self.support is None else "density"

    @cached_property
    def compact_predictor(self) -> Predictor | None:
        """Predicts by the selected compact network; None without one."""
        return None if self.compact is None else self._predict_by(self.compact)

    @cached_property
    def linear_predictor(self) -> Predictor | None:
        """Predicts by the line, its exponential, or logistic regression; None without one."""
        return None if self.linear is None else self._predict_by(self.linear)

    @property
    def answering_name(self) -> NetworkName:
        """The network that answers by default."""
        if self.linear is not None and self.linear.serves:
            return "linear"
        return "compact" if self.compact is not None and self.compact.serves else "accurate"

    def get_network(self, name: NetworkName) -> Predictor | None:
        """Predicts by the network of this name; None if there is none."""
        if name == "accurate":
            return self
        return self.linear_predictor if name == "linear" else self.compact_predictor

    @property
    def answering_network(self) -> Predictor:
        """Predicts by the network that answers by default."""
        return self.get_network(self.answering_name) or self

    def _predict_by(self, member: NetworkMember) -> Predictor:
        return replace(
            self,
            network=member.network.network,
            inputs=member.path.inputs,
            outputs=member.path.scaler,
            residuals=member.residuals,
            formula_residuals=None,
            decision_weights=member.decision_weights,
            compact=None,
            linear=None,
        )

    @cached_property
    def unused(self) -> frozenset[str]:
        """Features without a live path to an output; they may be absent and have no effect."""
        lives = zip(self.encoding.names, live_inputs(self.network).tolist(), strict=True)
        features = {column.feature for column, is_live in lives if is_live}
        return frozenset(feature.name for feature in self.encoding.features if feature.name not in features)

    def raw_outputs(self, columns: Columns) -> Float[np.ndarray, "rows outputs"]:
        """Outputs of the network in its own scale: standardised targets, log-odds or logits.

        Args:
            columns: Columns by the client's names, or rows already encoded by ``encoding``.

        Raises:
            InvalidData: A column that the network uses is absent, or a value has the wrong type.
        """
        encoded_rows = self._encode(columns)
        # In blocks of rows, so that memory does not grow with their number
        y = np.empty((len(encoded_rows), self.network.config.width[-1]))
        for start in range(0, len(encoded_rows), self._network_block_rows):
            block = slice(start, start + self._network_block_rows)
            y[block] = self._evaluator(self.inputs.forward(encoded_rows[block]))
        return y

    def predict(self, columns: Columns) -> Shaped[np.ndarray, " rows *outputs"]:
        """Values in the target's units, or labels.

        Values are [rows], or [rows, outputs] with several outputs; they are not finite where the network is
        undefined. Labels are Python objects, None where the network is undefined.
        """
        if self.outputs is None:
            return self.labels(self.probabilities(columns))
        encoded_rows = self._encode(columns)
        values: np.ndarray = self.outputs.inverse(self.raw_outputs(encoded_rows))
        if self.support is not None:
            # A density is 0 outside its support, whatever the network gives there
            low, high = np.array(self.support).T
            values[((encoded_rows < low) | (encoded_rows > high)).any(1)] = 0.0
        return values[:, 0] if values.shape[1] == 1 else values

    def probabilities(self, columns: Columns) -> Float[np.ndarray, "rows classes"]:
        """Probability of every class, in the order of ``classes``."""
        if self.classes is None:
            raise InvalidData(f"{self.target!r} is a number: a regression has no probabilities")
        return self.to_probabilities(self.raw_outputs(columns))

    def to_probabilities(
        self, outputs: Float[np.ndarray, "rows outputs"]
    ) -> Float[np.ndarray, "rows classes"]:
        """Probability of every class from the log-odds or logits of a classifier."""
        logits = torch.from_numpy(outputs)
        if logits.shape[1] == 1:
            return torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], 1).numpy()
        return torch.softmax(logits, 1).numpy()

    def labels(self, probabilities: Float[np.ndarray, "rows classes"]) -> Shaped[np.ndarray, " rows"]:
        """The class with the largest weighted probability in every row; the first of equal ones."""
        # Objects, so that labels keep their Python type; the last one is that of undefined rows
        names = np.empty(len(self.classes or ()) + 1, dtype=object)
        names[:-1] = self.classes
        is_finite = np.isfinite(probabilities).all(1)
        labels: np.ndarray = names[
            np.where(is_finite, choose_classes(probabilities, self.decision_weights), -1)
        ]
        return labels

    @property
    def output_names(self) -> list[str]:
        """Name of every output of the network."""
        return name_outputs(self.target, self.classes, self.network.config.width[-1])

    @property
    def threshold(self) -> float | None:
        """Probability of ``classes[1]`` above which it is the label; None unless there are two classes."""
        if self.classes is None or len(self.classes) != 2:
            return None
        first_weight, second_weight = self.decision_weights or (0.5, 0.5)
        return first_weight / (first_weight + second_weight)

    def margin(self, level: float) -> float:
        """Half the width of the prediction interval, the same for every row.

        Split conformal prediction (Lei et al. 2018, arXiv:1604.04173): the ⌈(n + 1)·level⌉-th smallest of n
        absolute validation residuals. A new row from the distribution of the validation rows, whatever their
        weights, lies inside with a probability of at least ``level``, on average over all such rows.
        That is an average over models, too, so that of few residuals a larger one is taken.

        Args:
            level: Coverage probability, between 0 and 1.

        Raises:
            InvalidData: The target is not a single number, the level is not between 0 and 1, or there are too
                few residuals for it.
        """
        if self.outputs is None or len(self.outputs.mean) > 1 or self.support is not None:
            raise InvalidData(f"there are no intervals for {self.target!r}: the target must be one number")
        if not 0 < level < 1:
            raise InvalidData(f"the level of an interval must be between 0 and 1, got {level}")
        rows = len(self.residuals)
        rank = math.ceil((rows + 1) * level - 1e-9)  # 0.9 · 10 counts as 9 despite rounding
        if rank > rows:
            highest = f"; ask for at most {math.floor(1e4 * rows / (rows + 1)) / 1e4}" if rows else ""
            raise InvalidData(f"{rows} validation rows are too few for intervals at {level}{highest}")
        return float(self._order_statistics[max(rank, _find_certain_rank(rows, level)) - 1])

    def widen(self, margin: float, _columns: Columns) -> float | Float[np.ndarray, " rows"]:
        """Half the width of the interval at every row; the same for all rows."""
        return margin

    def intervals(self, columns: Columns, level: float) -> Float[np.ndarray, "rows 2"]:
        """Lower and upper bound of the prediction interval of every row, see ``margin``."""
        margin = self.widen(self.margin(level), columns)
        values = self.predict(columns)
        bounds: np.ndarray = np.stack([values - margin, values + margin], axis=1)
        return bounds

    def unseen_mask(
        self, columns: Mapping[str, Shaped[np.ndarray, " ..."]]
    ) -> Bool[np.ndarray, "rows features"]:
        """Values outside the training ranges and categories, of features that the network uses."""
        # Unused features cannot change a prediction, so their values are not reported
        read = np.array([feature.name not in self.unused for feature in self.encoding.features])
        outside: np.ndarray = self.encoding.unseen_mask(columns) & read
        return outside

    def find_unseen_values(self, columns: Mapping[str, Shaped[np.ndarray, " ..."]]) -> list[tuple[int, str]]:
        """Row and feature of every value in ``unseen_mask``, row by row."""
        places = np.argwhere(self.unseen_mask(columns))
        return [(int(row), self.encoding.features[place].name) for row, place in places]

    def find_unsound_rows(self, _columns: Columns) -> Int[np.ndarray, " found"]:
        """Places of rows at which a formula is not to be trusted; none of a network, which is bounded."""
        return np.zeros(0, dtype=int)

    def _encode(self, columns: Columns) -> Float[np.ndarray, "rows inputs"]:
        if isinstance(columns, np.ndarray):
            return columns
        return self.encoding.transform(columns, optional=self.unused)

    @cached_property
    def _evaluator(self) -> CompiledNetwork:
        """The compiled network; concurrent first calls may compile it twice, with equal results."""
        return compile_network(self.network)

    @cached_property
    def _network_block_rows(self) -> int:
        """Rows per block, so that memory does not grow with the number of rows."""
        return max(1, self.block_numbers // self.network.config.width[0])

    @cached_property
    def _order_statistics(self) -> Float[np.ndarray, " validation"]:
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
    """Check that a density is the exponential of one output, with a support range for every input."""
    outputs, support = predictor.outputs, predictor.support or ()
    if outputs is None or outputs.transform != "log" or len(outputs.mean) != 1:
        raise InvalidConfig("a density must be the exponential of one output")
    if len(support) != len(predictor.encoding.names) or not all(low < high for low, high in support):
        raise InvalidConfig(f"the support of a density must be one range per input, got {support}")


def _find_certain_rank(
    rows: int, level: float, *, max_miss_ratio: float = 1.5, confidence: float = 0.95
) -> int:
    """Rank of the error beyond which, of all models, hardly one has clearly more new rows than it should.

    The share of new rows within the k-th smallest of n errors varies from model to model like
    Beta(k, n + 1 - k) (Vovk, "Conditional validity of inductive conformal predictors", arXiv:1209.2673).

    Args:
        rows: Number of errors n.
        level: Coverage probability.
        max_miss_ratio, confidence: With this probability the share of new rows beyond is at most so many
            times ``1 - level``, as far as there are errors enough.
    """
    from scipy.special import bdtrik  # noqa: PLC0415  # the start of the API saves its time

    # P(Beta(k, n + 1 - k) ≥ q) is the probability of fewer than k successes in n trials of chance q
    min_coverage = max(1e-9, 1 - max_miss_ratio * (1 - level))
    return min(rows, 1 + math.ceil(float(bdtrik(confidence, rows, min_coverage)) - 1e-9))
