"""The own constants of a new group of rows, for the next version of a model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped

from kan_engine import Formula, Predictor, SearchResult, safe_names
from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.data.labelled_rows import LabelledRows, weigh_by_errors
from kan_engine.data.training_data import TrainingData
from kan_engine.errors import InvalidData
from kan_engine.formulas.forms.new_group import add_group
from kan_engine.search.formulas.form_groups import make_indicators
from kan_engine.search.result import FormResult
from worker.execution.outcome import SourceModel


def fit_new_group(revises: SourceModel, predictor: Predictor, data: TrainingData) -> SearchResult:
    """The formulas of the model, the first with the constants of the new group.

    Raises:
        InvalidData: The group has too few rows.
    """
    group, rows, symbolic = revises.model.changes.fit_group, revises.group_rows, revises.model.symbolic
    assert group is not None and rows is not None and symbolic is not None  # noqa: S101, PT018 - checked
    encoding = predictor.encoding
    names = safe_names([column.name for column in encoding.names])
    report = FormulaReport.from_dict(symbolic, names)
    assert report.form is not None and report.form.fitted.groups is not None  # noqa: S101, PT018 - checked
    result = add_group(
        report.form.fitted,
        group.name,
        _make_rows(rows, predictor.target, revises.model.request.target_error),
        make_indicators(report.form.fitted.groups.column, encoding),
    )
    assert result.groups is not None  # noqa: S101 - as above
    trees = [result.groups.formula, *(formula.tree for formula in report.outputs[0].rated[1:])]
    form = report.form
    return SearchResult.from_predictor(
        predictor,
        formulas=[[Formula.measure(tree, data.fit, data.validation) for tree in trees]],
        evidence=report.evidence,
        form=FormResult(result, form.rmse, None if form.free is None else form.free.tree, form.contains_free),
    )


def _make_rows(
    columns: Mapping[str, Shaped[np.ndarray, " rows"]], target: str, error: str | None
) -> LabelledRows:
    """The rows of a new group without missing numbers, with known errors where they have that column.

    Raises:
        InvalidData: An error is not positive.
    """
    numbers = {name: values for name, values in columns.items() if values.dtype.kind == "f"}
    # Complete rows only: a form has no value where a number is missing
    is_complete = np.isfinite(np.stack([*numbers.values()])).all(0)
    numbers = {name: values[is_complete] for name, values in numbers.items()}
    weights, unit_error, everything = np.ones(is_complete.sum()), None, np.arange(is_complete.sum())
    if error in numbers and len(everything):
        if numbers[error].min() <= 0:
            raise InvalidData("the errors of the target must be positive in all rows", column=error)
        weights, unit_error = weigh_by_errors(numbers[error], everything)
    return LabelledRows.from_columns(numbers, numbers[target], weights, unit_error)
