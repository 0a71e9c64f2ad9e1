"""Predictions for a block of a table, as further columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from kan_engine import Predictor
from kan_engine.data.labels import Label, class_name
from service.documents.prediction_warnings import NOT_FINITE, UNSOUND, WARNING_CODES, select_warning_code
from service.storage.stored_table import read_feature_column

INT64_RANGE = range(-(2**63), 2**63)
LABEL_TYPES = {bool: pl.Boolean, int: pl.Int64, float: pl.Float64, str: pl.String}


class PredictionColumns:
    """Predicts blocks of a table as columns with unique names.

    Args:
        predictor: The model.
        outputs: Names of its outputs.
        interval: Share of true values that prediction intervals should cover; None for no intervals.
        names: Names of the other columns in the file.

    Raises:
        InvalidData: The model has no such intervals.
    """

    def __init__(
        self, predictor: Predictor, outputs: Sequence[str], interval: float | None, names: Iterable[str]
    ) -> None:
        self._predictor, self._outputs = predictor, outputs
        self._margin = None if interval is None else predictor.margin(interval)
        self.schema: dict[str, pl.DataType] = {}
        for name, kind in self._column_types():
            self.schema[_free_name(name, {*names, *self.schema})] = kind

    def predict_block(self, block: pl.DataFrame) -> pl.DataFrame:
        """Predict a block that has the columns of the model; return the columns of ``schema``."""
        predictor = self._predictor
        columns = {
            f.name: read_feature_column(block[f.name], f)
            for f in predictor.encoding.features
            if f.name in block
        }
        outside = predictor.unseen_mask(columns)
        results: list[pl.Series]
        if predictor.classes is None:
            values = predictor.predict(columns).reshape(block.height, -1)
            results = [_finite_series(values[:, place]) for place in range(values.shape[1])]
        else:
            probabilities = predictor.probabilities(columns)
            labels = predictor.labels(probabilities).tolist()
            results = [self._label_column(labels), *map(_finite_series, probabilities.T)]
        # A row is undefined as soon as one of its outputs is
        nulls = results[0].is_null().to_numpy()
        for series in results[1:]:
            nulls = nulls | series.is_null().to_numpy()
        if self._margin is not None:  # an interval is valid only inside the range of the training rows
            centers = np.where(outside.any(1), np.nan, values[:, 0])
            margin = predictor.widen(self._margin, columns)
            results += [_finite_series(centers - margin), _finite_series(centers + margin)]
        # Rows at which a formula has a pole or leaves its bounds, though its inputs are in range
        unsound = np.zeros(block.height, dtype=bool)
        unsound[predictor.find_unsound_rows(columns)] = True
        results.append(
            self._make_warning_column(block, outside, {NOT_FINITE: nulls, UNSOUND: unsound & ~nulls})
        )
        return pl.DataFrame([series.alias(name) for name, series in zip(self.schema, results, strict=True)])

    def _column_types(self) -> list[tuple[str, pl.DataType]]:
        """Return the names and types of the columns, before names are made unique."""
        target, classes, number = self._predictor.target, self._predictor.classes, pl.Float64()
        if classes is not None:
            types = [(target, self._label_type), *((f"probability_{class_name(c)}", number) for c in classes)]
        else:
            names = self._outputs if len(self._outputs) > 1 else [target]
            types = [(name, number) for name in names]
        if self._margin is not None:
            types += [(f"{target}_low", number), (f"{target}_high", number)]
        return [*types, ("warning", pl.String())]

    @cached_property
    def _label_type(self) -> pl.DataType:
        """Type of the labels; text if they have several types, or integers beyond 64 bits."""
        labels = self._predictor.classes or ()
        kinds = {type(label) for label in labels}
        is_known = len(kinds) == 1 and (kinds != {int} or all(label in INT64_RANGE for label in labels))
        return LABEL_TYPES[kinds.pop()]() if is_known else pl.String()

    def _label_column(self, labels: Sequence[Label | None]) -> pl.Series:
        if self._label_type == pl.String:
            return pl.Series(
                [None if label is None else class_name(label) for label in labels], dtype=pl.String
            )
        return pl.Series(labels, dtype=self._label_type)

    def _make_warning_column(
        self,
        block: pl.DataFrame,
        outside: Bool[np.ndarray, "rows features"],
        masks: Mapping[str, Bool[np.ndarray, " rows"]],
    ) -> pl.Series:
        """Return the warning codes of each row, separated by spaces; null without warnings."""
        # One mask per code, in the order in which the codes of a row are joined
        flags = {code: np.zeros(block.height, dtype=bool) for code in WARNING_CODES}
        for place, feature in enumerate(self._predictor.encoding.features):
            if outside[:, place].any():
                missing = block[feature.name].is_null().to_numpy()
                for is_missing, rows in ((True, missing), (False, ~missing)):
                    flags[select_warning_code(feature, is_missing=is_missing)] |= outside[:, place] & rows
        flags |= masks
        code_columns = [pl.when(pl.col(code)).then(pl.lit(code)) for code in WARNING_CODES]
        frame = pl.DataFrame(flags).select(pl.concat_str(code_columns, separator=" ", ignore_nulls=True))
        return frame.to_series().replace("", None)


def _finite_series(values: Float[np.ndarray, " rows"]) -> pl.Series:
    """Return a series with null in place of numbers that are not finite."""
    series = pl.Series(values)
    return series.set(~series.is_finite(), None)


def _free_name(name: str, names: Collection[str]) -> str:
    """Return the name, or the first free name derived from it."""
    number = 1
    base = name
    while name in names:
        name = f"{base}_predicted" if number == 1 else f"{base}_predicted_{number}"
        number += 1
    return name
