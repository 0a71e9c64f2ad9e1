"""The rows that a model is trained on, and how they follow from the columns of a client.

Of a large table, every choice (structure, settings, formulas) is made on a random sample of the training
rows: more of them would hardly change it, and time and memory do not grow with the table. The others are a
reserve, from which a network is fitted to more rows as long as that lowers its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt

from kan_engine.data.encoding import Encoding
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import Label, name_outputs
from kan_engine.data.screening.screening import Screening


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Rows to fit, to validate and to hold out, in one array.

    Attributes:
        encoding: How the columns of a client become those of the rows.
        target: Name of the target.
        rows: First the fit rows, then the validation rows, then the hold-out rows, if there are any.
        fit_count: Number of fit rows.
        validation_count: Number of validation rows.
        classes: Labels of a classification in their own type, sorted; None for a regression.
        class_weights: Weights of the classes, included in the weights of the rows; None for equal ones.
        numbers: Number of every row in the table that it comes from, from 0.
        reserve: Further training rows in random order; None if all are fit or validation rows.
        left_out: Number of training rows of the table that are none of these.
        units: Units of columns and of the target, by name.
        warnings: What was left out, and why.
        bounds: Lowest and highest value that the target can have; answers stay within them.
        screening: Which columns of a wide table were kept; None for other tables.
    """

    encoding: Encoding
    target: str
    rows: LabelledRows
    fit_count: int
    validation_count: int
    classes: tuple[Label, ...] | None = None
    class_weights: Float[np.ndarray, " classes"] | None = None
    numbers: Int[np.ndarray, " rows"]
    reserve: LabelledRows | None = None
    left_out: int = 0
    units: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    bounds: tuple[float, float] = (-np.inf, np.inf)
    screening: Screening | None = None

    @cached_property
    def fit(self) -> LabelledRows:
        """Rows to fit networks on."""
        return self.rows[: self.fit_count]

    @cached_property
    def validation(self) -> LabelledRows:
        """Rows for every choice between models."""
        return self.rows[self.fit_count : self.fit_count + self.validation_count]

    @cached_property
    def training(self) -> LabelledRows:
        """Fit and validation rows together."""
        return self.rows[: self.fit_count + self.validation_count]

    @cached_property
    def test(self) -> LabelledRows:
        """Hold-out rows, read once: for the reported metrics."""
        return self.rows[self.fit_count + self.validation_count :]

    @cached_property
    def duplicate_count(self) -> int:
        """Number of hold-out rows whose encoded columns and target equal those of a training row."""
        training_hashes = [_hash_rows(part) for part in (self.training, self.reserve) if part is not None]
        return int(np.isin(_hash_rows(self.test), np.concatenate(training_hashes)).sum())

    @property
    def available_count(self) -> int:
        """Number of training rows of the table, used or not."""
        return len(self.training) + len(self.reserve or ()) + self.left_out

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return self.rows.names

    @property
    def task(self) -> Literal["regression", "classification"]:
        """Task that follows from the target."""
        return "regression" if self.classes is None else "classification"

    @property
    def loss(self) -> str:
        """Loss of a network for this target."""
        if self.classes is None:
            return "squared"
        return "logistic" if len(self.classes) == 2 else "softmax"

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of a network for this target."""
        return name_outputs(self.target, self.classes, self.output_count)

    @property
    def output_count(self) -> int:
        """Number of outputs of a network for this target."""
        return len(self.classes) if self.classes is not None and len(self.classes) > 2 else 1

    def labels(self, part: LabelledRows) -> Shaped[np.ndarray, " rows"]:
        """The target in the client's values: numbers, or labels of the classes."""
        if self.classes is None:
            return part.y
        labels: np.ndarray = np.array(self.classes, dtype=object)[part.classes]
        return labels

    def row_weights(self, part: LabelledRows) -> Float[np.ndarray, " rows"]:
        """Weights of rows without the class weights."""
        if self.class_weights is None:
            return part.weights
        weights: np.ndarray = part.weights / self.class_weights[part.classes]
        return weights


def _hash_rows(rows: LabelledRows) -> UInt[np.ndarray, " rows"]:
    """Return a 64-bit hash of every row [n]; different rows have different hashes, except for collisions."""
    hashes = np.zeros(len(rows), np.uint64)
    for values in (*rows.x.T, rows.y):
        bits = (values + 0.0).view(np.uint64)  # without the sign of zero
        # Fibonacci hashing: a product by 2^64 over the golden ratio mixes bits upwards, the shift back down
        hashes = (hashes ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes
