"""From the split rows of a table to the data of a training: choice rows, screening and encoding."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from jaxtyping import Float, Int, Num

from kan_engine.data.choice_rows import draw_choice_rows
from kan_engine.data.encoding import Encoding
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import Label
from kan_engine.data.screening.columns import screen_columns
from kan_engine.data.thresholds import DataThresholds
from kan_engine.data.training_data import TrainingData


def encode_training_data(
    encode: Callable[[Encoding, Int[np.ndarray, " some"]], Float[np.ndarray, "some columns"]],
    encoding: Encoding,
    y: Num[np.ndarray, " rows"],
    weights: Num[np.ndarray, " rows"],
    fit_rows: Int[np.ndarray, " fit"],
    validation_rows: Int[np.ndarray, " validation"],
    test_rows: Int[np.ndarray, " test"],
    *,
    target: str,
    classes: tuple[Label, ...] | None,
    unit_error: float | None,
    required: Collection[str] | None,
    seed: int,
    is_ordered: bool,
    is_late: Callable[[], bool],
    thresholds: DataThresholds,
) -> TrainingData:
    """Draw the rows on which choices are made, screen the columns, and encode the rows.

    Args:
        encode: Encodes rows of the table, which it takes by their numbers.
        encoding: Of all columns.
        y: The target of every row of the table: numbers, or indices of classes.
        weights: Weights, with those of the classes.
        fit_rows: Numbers of the fit rows, all of a positive weight.
        validation_rows: The same of the validation rows.
        test_rows: The same of the hold-out rows.
        target: Name of the target.
        classes: Labels of a classification.
        unit_error: Known error of a row of weight 1.
        required: Columns that a screening keeps; None leaves it out.
        seed: Seed of the samples.
        is_ordered: Whether the rows are in time order.
        is_late: Tells when the screening has used up its time.
        thresholds: Decision numbers.
    """
    # Structure and formulas are chosen on a sample of a large table, at a bounded cost
    choice = draw_choice_rows(
        fit_rows,
        validation_rows,
        seed,
        most=thresholds.max_choice_rows,
        classes=None if classes is None else y,
    )
    training, screening = choice.drawn, None
    if required is not None:
        screening = screen_columns(
            encoding,
            lambda places: encode(encoding, training[places]),
            y[training],
            weights[training],
            is_classification=classes is not None,
            required=required,
            seed=seed,
            is_ordered=is_ordered,
            is_late=is_late,
            thresholds=thresholds.screening,
        )
    narrowed = encoding if screening is None else screening.narrow(encoding)
    reserve = choice.select_reserve(len(narrowed.names), thresholds)
    # One array for all parts, which are slices of it and thus share its memory
    order = np.concatenate([training, test_rows, reserve])
    rows = LabelledRows(
        x=encode(narrowed, order),
        y=y[order].astype(float),
        weights=weights[order].astype(float),
        names=tuple(column.name for column in narrowed.names),
        unit_error=unit_error,
    )
    count = len(order) - len(reserve)
    return TrainingData(
        encoding=narrowed,
        target=target,
        rows=rows[:count],
        reserve=rows[count:] if len(reserve) else None,
        left_out=len(choice.others) - len(reserve),
        fit_count=len(choice.fit),
        validation_count=len(choice.validation),
        classes=classes,
        numbers=order[:count],
        warnings=tuple(choice.describe(len(test_rows))),
        screening=screening,
    )
