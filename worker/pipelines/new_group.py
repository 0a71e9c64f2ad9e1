"""The own constants of a new group of rows, for the next version of a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine import Formula, Predictor, SearchResult, safe_names
from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.forms.least_squares import FormRows
from kan_engine.forms.new_group import add_group
from kan_engine.search.context import SearchContext, sample_search_rows
from kan_engine.search.formulas.form_groups import make_indicators
from kan_engine.search.result import FormResult
from worker.execution.outcome import SourceModel


def fit_new_group(
    found: SearchResult, revises: SourceModel, predictor: Predictor, run: SearchContext
) -> SearchResult:
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
    column, target = report.form.fitted.groups.column, rows[predictor.target]
    numbers = {name: values for name, values in rows.items() if values.dtype.kind == "f"}
    known = np.isfinite(np.stack([*numbers.values()])).all(0)
    fitted = add_group(
        report.form.fitted,
        group.name,
        FormRows(
            {name: values[known] for name, values in numbers.items()}, target[known], np.ones(known.sum())
        ),
        make_indicators(column, encoding),
        run.thresholds.forms,
    )
    assert fitted.groups is not None  # noqa: S101 - as above
    fit, validation = ((part.columns, part.y) for part in sample_search_rows(run))
    trees = [fitted.groups.formula, *(rated.tree for rated in report.outputs[0].rated[1:])]
    free = None if report.form.free is None else report.form.free.tree
    return replace(
        found,
        formulas=[[Formula.measure(tree, fit, validation) for tree in trees]],
        evidence=report.evidence,
        form=FormResult(fitted, free),
    )
