"""FormulaPredictor: predicts by the formulas of a model instead of its network, from the same columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.expressions.evaluation import Expression, evaluate, variables, walk
from kan_engine.inference.predictor import Columns, Predictor


@dataclass(frozen=True, kw_only=True, eq=False)
class FormulaPredictor(Predictor):
    """Columns in the client's units → encoding → formulas → values, or log-odds and labels.

    A formula returns values wherever it is defined, also outside the range of the training rows. Where it is
    undefined, its values are not finite, unless there is a ``fallback``: sin(x)/x has no value at 0, but the
    function that it describes has one there. ``residuals`` are those of the formulas.

    Args:
        trees: One formula of the encoded columns per output: for the target, the log-odds or the logits.
        lacks_residuals: Whether the network has residuals but those of the formulas were not stored.
        within: Lower and upper bound of the predictions; None for no bounds.
        is_unsound: Whether a formula was found undefined, or far beyond the target, within the ranges of its
            columns.
        fallback: Predicts values where a formula has none within the range of the training rows.
        formula_block_numbers: Values of all formula nodes for one block of rows: 8 MB.
    """

    trees: tuple[Expression, ...]
    lacks_residuals: bool = False
    within: tuple[float, float] | None = None
    is_unsound: bool = False
    fallback: Predictor | None = None
    formula_block_numbers: int = 2**20

    @staticmethod
    def from_predictor(
        predictor: Predictor,
        trees: Sequence[Expression],
        *,
        support: Mapping[str, Sequence[float | None]] | None = None,
        largest_error: float | None = None,
        is_unsound: bool = False,
    ) -> FormulaPredictor:
        """Create a predictor for the formulas of a model from the predictor of its network.

        Args:
            predictor: The predictor of the network.
            trees: One formula per output of the network.
            support: For a density, the range of each column where the formula is not 0; None is unbounded.
            is_unsound: As the attribute.
            largest_error: Replaces every residual if those of the formulas were not stored.

        Raises:
            InvalidConfig: There is not one formula per output, or a formula uses an unknown column.
        """
        names = [column.name for column in predictor.encoding.names]
        unknown = {name for tree in trees for name in variables(tree)} - set(names)
        if unknown or len(trees) != predictor.network.config.width[-1]:
            raise InvalidConfig(
                f"{len(trees)} formulas of {names}, with unknown columns {unknown}, do not fit the network"
            )
        values: dict[str, Any] = {field.name: getattr(predictor, field.name) for field in fields(Predictor)}
        # Without stored errors every residual counts as the largest one, or there are no residuals
        residuals = predictor.formula_residuals
        if residuals is None:
            residuals = (
                predictor.residuals[:0] if largest_error is None else predictor.residuals * 0 + largest_error
            )
        if support is not None:
            values["support"] = tuple(_to_range(support.get(name, (None, None))) for name in names)
        lacks = predictor.formula_residuals is None and len(residuals) < len(predictor.residuals)
        return FormulaPredictor(
            **values | {"residuals": residuals, "compact": None, "linear": None},
            trees=tuple(trees),
            lacks_residuals=lacks,
            is_unsound=is_unsound,
        )

    def to_serving(
        self, network: Predictor, *, is_exact: bool, within: tuple[float, float] | None
    ) -> FormulaPredictor | None:
        """The formulas as they answer in place of a network, or None if the network answers.

        Args:
            network: Answers where the formulas have no value.
            is_exact: Exact formulas answer, everywhere.
            within: Bounds of the answers of other formulas; None if these do not answer.
        """
        if is_exact:
            return replace(self, fallback=network)
        return None if within is None else replace(self, within=within, fallback=network)

    @cached_property
    def unused(self) -> frozenset[str]:
        """Features that no formula uses; they may be absent and have no effect."""
        read = {name for tree in self.trees for name in variables(tree)}
        features = {column.feature for column in self.encoding.names if column.name in read}
        return frozenset(feature.name for feature in self.encoding.features if feature.name not in features)

    def raw_outputs(self, columns: Columns) -> Float[np.ndarray, "rows outputs"]:
        """Values of the formulas: in the target's units, log-odds or logits; NaN where undefined."""
        encoded_rows = self._encode(columns)
        y = np.empty((len(encoded_rows), len(self.trees)))
        for start in range(0, len(encoded_rows), self._formula_block_rows):
            block = slice(start, start + self._formula_block_rows)
            # Only the columns that a formula uses, in blocks that bound the memory of all nodes
            rows = {column.name: encoded_rows[block, place] for place, column in self._input_columns}
            for output, tree in enumerate(self.trees):
                y[block, output] = evaluate(tree, rows)
        y[~np.isfinite(y)] = np.nan
        if self.classes is not None and self.fallback is not None:
            # The network fills gaps of the formula only where it has seen training rows
            gaps = np.isnan(y).any(1) & self._is_within_training_range(encoded_rows)
            y[gaps] = self.fallback.raw_outputs(encoded_rows[gaps])
        return y

    def predict(self, columns: Columns) -> Shaped[np.ndarray, " rows *outputs"]:
        """Values in the target's units, or labels; NaN or None where a formula is undefined."""
        if self.classes is not None:
            return super().predict(columns)
        encoded_rows = self._encode(columns)
        values = self.raw_outputs(encoded_rows)
        if self.fallback is not None:
            gaps = np.isnan(values).any(1) & self._is_within_training_range(encoded_rows)
            values[gaps] = self.fallback.predict(encoded_rows[gaps]).reshape(-1, len(self.trees))
        if self.support is not None:
            # A density is 0 outside its support, whatever the formula gives there
            low, high = np.array(self.support).T
            values[((encoded_rows < low) | (encoded_rows > high)).any(1)] = 0.0
        if self.within is not None:
            values = values.clip(*self.within)
        return values[:, 0] if values.shape[1] == 1 else values

    def find_unsound_rows(self, columns: Columns) -> Int[np.ndarray, " found"]:
        """Places of rows within the training ranges at which a formula is undefined or beyond its bounds."""
        if not self.is_unsound:
            return super().find_unsound_rows(columns)
        encoded_rows = self._encode(columns)
        values = self.raw_outputs(encoded_rows)
        low, high = (
            self.within or (None if self.outputs is None else self.outputs.bounds) or (-np.inf, np.inf)
        )
        # Values beyond the bounds of the target are as little to be trusted as undefined ones
        is_beyond = ~np.isfinite(values) | (values < low) | (values > high)
        return np.flatnonzero(is_beyond.any(1) & self._is_within_training_range(encoded_rows))

    def margin(self, level: float) -> float:
        """Half the width of the prediction interval, as for the network, from the errors of the formula."""
        if self.lacks_residuals:
            raise InvalidData(
                "this model was stored without the errors of its formula: request the intervals of another "
                'member, for example with "by": "accurate", or train the model again'
            )
        return super().margin(level)

    def _is_within_training_range(
        self, encoded_rows: Float[np.ndarray, "rows inputs"]
    ) -> Bool[np.ndarray, " rows"]:
        within = np.ones(len(encoded_rows), dtype=bool)
        # The range is checked for numbers alone
        ranges = {f.name: f.reach for f in self.encoding.features if f.type == "number"}
        for place, column in self._input_columns:
            low, high = ranges.get(column.feature, (-np.inf, np.inf))
            within &= (encoded_rows[:, place] >= low) & (encoded_rows[:, place] <= high)
        return within

    @cached_property
    def _input_columns(self) -> list[tuple[int, Any]]:
        """Index and column of every input that a formula uses."""
        read = {name for tree in self.trees for name in variables(tree)}
        return [entry for entry in enumerate(self.encoding.names) if entry[1].name in read]

    @cached_property
    def _formula_block_rows(self) -> int:
        nodes = sum(1 for tree in self.trees for _ in walk(tree))
        return max(1, self.formula_block_numbers // nodes)


def _to_range(side: Sequence[float | None]) -> tuple[float, float]:
    low, high = side
    return (-np.inf if low is None else low, np.inf if high is None else high)
