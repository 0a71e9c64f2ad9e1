"""Converts a table and a request to encoded fit, validation and hold-out rows.

Columns are read from the table one at a time and written directly into one array. All later stages share
it, so that a large table is in memory only once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, Num

from kan_engine import Encoding, InvalidData, TrainingData
from kan_engine.data.columns import missing_mask
from kan_engine.data.folds import encode_labels
from kan_engine.data.labelled_rows import weigh_by_errors
from kan_engine.data.labels import Label, compute_class_weights
from kan_engine.data.preparation import encode_training_data
from kan_engine.data.splitting import Split, split_rows, split_training_rows
from kan_engine.data.thresholds import DataThresholds
from kan_engine.expressions.constraints import FINAL_POINTS
from service.documents.column_report import ColumnReport
from service.documents.training_plan import TrainingPlan, explain_unusable_numbers
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable

NO_FEATURE_WARNING = "no column varies over the training rows: the model predicts only the mean of the target"


def prepare_data(table: StoredTable, plan: TrainingPlan, thresholds: DataThresholds) -> TrainingData:
    """Read, split and encode the rows of a table as planned.

    Rows without a target or with the weight 0 are left out. The encoding (ranges, medians, categories) is
    fitted on the training rows and only applied to the hold-out rows.

    Raises:
        InvalidData: No model can be trained on the remaining rows.
    """
    request = plan.request
    target, present = _read_target(table, plan)
    split = _split_table(table, plan, target, present)
    fit_rows, judge_rows = split_training_rows(
        split.train_rows,
        target.numbers,
        plan.task,
        request.seed,
        kind=request.split.kind,
        share=thresholds.validation_share,
    )
    # Hold-out rows have no part in the encoding: their error would be too small otherwise
    encoding, warnings = _fit_encoding(table, plan, present[split.train_rows], thresholds)
    warnings += _warn_of_time_order(table, plan, present)
    if split.is_rescued:
        warnings.append(
            "a random split left only one class in the training rows; the hold-out rows were drawn by class"
        )
    # A class without training rows has no probability, so its hold-out rows cannot be scored
    classes, test_rows = None, split.test_rows
    if target.labels is not None:
        target, classes, test_rows = _order_classes(target, split)
    if len(test_rows) < len(split.test_rows):
        unseen_count = len(split.test_rows) - len(test_rows)
        warnings.append(f"{unseen_count} hold-out rows have classes that no training row has")
    # Weights from errors are relative to their mean over fit and validation rows
    weights, unit_error = _read_weights(table, request, present, np.concatenate([fit_rows, judge_rows]))
    class_weights, weighting = None, request.training.class_weight
    if classes is not None and target.labels is not None and weighting is not None:
        training = target.numbers[split.train_rows]
        class_weights = compute_class_weights(weighting, target.labels, training, len(classes))
        # The factor of the last place is for all classes that no training row has
        weights = weights * np.append(class_weights, 1.0)[np.minimum(target.numbers, len(class_weights))]
    _refuse_no_weight(weights[fit_rows], weights[judge_rows], request.weight)
    # A row of weight 0 counts nowhere: neither in a fit nor in a metric
    fit_rows, judge_rows, test_rows = (rows[weights[rows] > 0] for rows in (fit_rows, judge_rows, test_rows))
    # The search needs most of the time, so the screening of a wide table has a share of it
    until = time.monotonic() + thresholds.screening.time_share * request.max_seconds
    data = encode_training_data(
        lambda narrowed, rows: _encode_rows(table, narrowed, present[rows]),
        encoding,
        target.numbers,
        weights,
        fit_rows,
        judge_rows,
        test_rows,
        target=request.goal,
        classes=classes,
        unit_error=unit_error,
        required=plan.required_features if plan.is_screened else None,
        seed=request.seed,
        is_ordered=request.split.kind == "tail",
        is_late=lambda: time.monotonic() > until,
        thresholds=thresholds,
    )
    # Row numbers so far count the rows with a target
    return replace(
        data,
        class_weights=class_weights,
        numbers=present[data.numbers],
        units=table.units,
        bounds=request.bounds.ends if request.bounds is not None else (-np.inf, np.inf),
        warnings=(
            *warnings,
            *(data.screening.warnings if data.screening else ()),
            *_sentinel_warnings(plan, data.encoding),
            *data.warnings,
            *describe_shape(request),
        ),
    )


def describe_shape(request: TrainRequest) -> list[str]:
    """How the wishes about the shape of the target are held."""
    notes = []
    if request.monotone:
        directions = ", ".join(f"{name!r} {word}" for name, word in request.monotone.items())
        notes.append(
            f"monotone ({directions}): the networks are sums of curves of single columns, and the spline "
            "coefficients of these columns rise or fall; formulas were checked at "
            f"{FINAL_POINTS:,} points of the ranges"
        )
    if request.bounds is not None:
        notes.append(
            "bounds: the answers of the networks are clipped to them; formulas were checked at "
            f"{FINAL_POINTS:,} points of the ranges of their columns"
        )
    return notes


@dataclass(frozen=True)
class _Target:
    """A target: numbers [n], or class indices [n] with the labels, those of the training rows first."""

    numbers: Num[np.ndarray, " rows"]
    labels: tuple[Label, ...] | None = None


def _read_target(table: StoredTable, plan: TrainingPlan) -> tuple[_Target, Int[np.ndarray, " rows"]]:
    """Return the target where it is not missing, and the numbers of those rows."""
    name = plan.request.goal
    values, kind = table.column(name), table.types[name]
    present = np.flatnonzero(~missing_mask(values))
    values = values[present]
    if plan.task == "regression":
        return _Target(values.astype(float)), present
    labels, codes = encode_labels(values)
    # Whole numbers are labels without a decimal point, as in the table
    if values.dtype.kind == "f" and (kind == "integer" or all(label.is_integer() for label in labels)):
        labels = [int(label) for label in labels]
    return _Target(codes, tuple(labels)), present


def _read_weights(
    table: StoredTable,
    request: TrainRequest,
    present: Int[np.ndarray, " rows"],
    training: Int[np.ndarray, " training"],
) -> tuple[Float[np.ndarray, " rows"], float | None]:
    """Weights of the rows with a target, and the known error of a row of weight 1 if errors are given.

    Args:
        table: The dataset.
        request: Names the column of weights, or that of errors.
        present: Rows with a target.
        training: Numbers of the training rows among these, over which weights from errors have the mean 1.
    """
    if request.target_error is not None:
        return weigh_by_errors(table.column(request.target_error)[present].astype(float), training)
    if request.weight is None:
        return np.ones(len(present)), None
    return table.column(request.weight)[present].astype(float), None


def _refuse_no_weight(
    fit: Float[np.ndarray, " fit"], validation: Float[np.ndarray, " validation"], column: str | None
) -> None:
    """Refuse fit or validation rows of which none has a weight."""
    for weights, purpose in ((fit, "fit"), (validation, "validation")):
        if not weights.any():
            raise InvalidData(
                f"all {purpose} rows have the weight 0; give some of them a positive weight", column=column
            )


def _split_table(
    table: StoredTable, plan: TrainingPlan, target: _Target, present: Int[np.ndarray, " rows"]
) -> Split:
    split = plan.request.split
    is_named = split.kind == "column" and split.column in table.types
    return split_rows(
        kind=split.kind,
        y=target.numbers,
        task=plan.task,
        test_fraction=split.test_fraction,
        seed=split.seed,
        column=split.column,
        test=split.test,
        columns={split.column: table.column(split.column)[present]} if is_named and split.column else {},
    )


def _fit_encoding(
    table: StoredTable, plan: TrainingPlan, rows: Int[np.ndarray, " training"], thresholds: DataThresholds
) -> tuple[Encoding, list[str]]:
    """Fit the encoding of the features, and return it with a warning for each column that is left out."""
    feature_names = [report.name for report in plan.features]
    warnings = [
        f"column {name!r} is left out: {_exclusion_reason(report, plan)}"
        for name, report in plan.reports.items()
        if name not in feature_names and name not in plan.roles and plan.request.features is None
    ]
    encoding, constant = Encoding.fit_varying(
        (
            (name, values[rows], plan.types[name], plan.reports[name].form)
            for name, values in zip(feature_names, table.read_columns(feature_names), strict=True)
        ),
        thresholds,
    )
    warnings += [f"column {name!r} is left out: it is the same in all training rows" for name in constant]
    return encoding, [*warnings, NO_FEATURE_WARNING] if len(constant) == len(feature_names) else warnings


def _exclusion_reason(report: ColumnReport, plan: TrainingPlan) -> str:
    if report.distinct in (0, 1):
        return "it is constant" if report.distinct else "it has no values"
    kind = plan.types[report.name]
    if reason := explain_unusable_numbers(report):
        return f"it {reason}; upload it in another unit"
    if report.is_id:
        return "it identifies the rows: each has another value; list it in features to use it"
    return f"it is {kind} with {report.distinct} distinct values; give it another type to use it"


def _sentinel_warnings(plan: TrainingPlan, encoding: Encoding) -> list[str]:
    """Return warnings about numbers in the target and the features that may encode missing values."""
    holders: dict[float | str, dict[str, int]] = {}
    for name in (plan.request.goal, *(feature.name for feature in encoding.features)):
        report = plan.reports.get(name)
        for code in report.possible_missing if report else ():
            holders.setdefault(code.value, {})[name] = code.count
    return [
        f"{value} stands apart from the other values of {_list_counts(counts)} and was used as a number: "
        "if it means missing, upload the table with missing = "
        f'{{"{next(iter(counts)) if len(counts) == 1 else "*"}": [{value}]}}'
        for value, counts in holders.items()
    ]


def _warn_of_time_order(
    table: StoredTable, plan: TrainingPlan, present: Int[np.ndarray, " rows"], *, min_ordered_times: int = 10
) -> list[str]:
    """Warn of hold-out rows that were drawn among rows in the order of time.

    Such rows resemble their neighbours, which the model learns from.

    Args:
        min_ordered_times: Distinct times, from which rows in their order are a series and not a coincidence.
    """
    if plan.request.split.kind not in ("random", "stratified"):
        return []
    for name, report in plan.reports.items():
        if plan.types[name] != "datetime" or report.distinct < min_ordered_times or report.missing:
            continue
        # Times that never decrease: neighbouring rows are neighbours in time
        times = table.column(name)[present]
        if (times[1:] >= times[:-1]).all():
            return [
                f"the rows are in the order of time by {name!r}, and hold-out rows were drawn between the "
                "others: on later times the model may be worse than its metrics; hold out the last rows "
                'with split = {"kind": "tail"}'
            ]
    return []


def _list_counts(counts: Mapping[str, int], max_columns: int = 20) -> str:
    """The names of at most ``max_columns`` columns, with their counts."""
    listing = ", ".join(f"{name!r} ({count} rows)" for name, count in list(counts.items())[:max_columns])
    return listing + (f" and {len(counts) - max_columns} more columns" if len(counts) > max_columns else "")


def _encode_rows(
    table: StoredTable, encoding: Encoding, rows: Int[np.ndarray, " rows"]
) -> Float[np.ndarray, "rows columns"]:
    """Encode rows of the table, column by column [rows, encoded columns]."""
    x = np.zeros((len(rows), len(encoding.names)))
    names = [feature.name for feature in encoding.features]
    for feature, values in zip(encoding.features, table.read_columns(names), strict=True):
        encoding.write(x, feature, values[rows])
    return x


def _order_classes(
    target: _Target, split: Split
) -> tuple[_Target, tuple[Label, ...], Int[np.ndarray, " test"]]:
    """Reorder the classes so that those of the training rows come first.

    Returns the target, the classes of the training rows, and the hold-out rows that have one of them.
    """
    assert target.labels is not None  # noqa: S101 - a classification has labels
    training_classes = np.unique(target.numbers[split.train_rows])
    test_classes = np.setdiff1d(np.arange(len(target.labels)), training_classes)
    # The inverse of this permutation, its argsort, takes the old index of a class to the new one
    order = np.concatenate([training_classes, test_classes])
    new_target = _Target(np.argsort(order)[target.numbers], tuple(target.labels[place] for place in order))
    test_rows = split.test_rows[new_target.numbers[split.test_rows] < len(training_classes)]
    assert new_target.labels is not None  # noqa: S101 - as above
    return new_target, new_target.labels[: len(training_classes)], test_rows
