"""Forms with constants of each group: the groups of a column, and formulas of the search as forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kan_engine.data.column_definitions import IsCategory, IsMissing
from kan_engine.data.encoding import Encoding
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Expression, Variable, parametrize_floats, variables
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.form_functions import find_formulas


def make_indicators(name: str, encoding: Encoding) -> dict[str, Expression]:
    """By group of a column, the expression of the encoded columns that is 1 in it and 0 elsewhere.

    Raises:
        InvalidData: The column has one value in all training rows.
    """
    columns = [column for column in encoding.names if column.feature == name]
    if not columns:
        raise InvalidData(f"the column {name!r} names no groups: it is the same in all training rows")
    if len(columns) == 1:  # two values have one indicator
        indicator = Variable(columns[0].name)
        feature = next(candidate for candidate in encoding.features if candidate.name == name)
        low_group, high_group = feature.categories or ("false", "true")
        return {low_group: 1 - indicator, high_group: indicator}
    indicators: dict[str, Expression] = {}
    for column in columns:
        match column.definition:
            case IsCategory(_, category):
                group = category
            case IsMissing():
                group = "missing"
            case _:
                group = "other"
        indicators[group] = Variable(column.name)
    return indicators


def list_formula_templates(
    column: str, formulas: Sequence[Formula], run: SearchContext
) -> Iterator[FormTemplate]:
    """Formulas as forms, the best first, without those that tell the groups of a column apart themselves."""
    groups = _list_encoded(column, run)
    for formula in formulas:
        if not groups & {*variables(formula.tree)}:
            yield from _make_template(formula.tree)


def find_group_templates(
    column: str, run: SearchContext, most_groups: int = 2, min_rows: int = 15
) -> Iterator[FormTemplate]:
    """Formulas of the rows of single groups as forms, in turn, the best first.

    Args:
        column: That names the groups.
        run: The search.
        most_groups: Number of groups, the largest ones.
        min_rows: Of each.

    Raises:
        InvalidData: There are no groups.
    """
    rows, groups = run.data.training, _list_encoded(column, run)
    masks = [
        evaluate(tree, rows.columns) > 0.5 for tree in make_indicators(column, run.data.encoding).values()
    ]
    # The largest groups determine a formula best
    for mask in sorted(masks, key=lambda mask: -int(mask.sum()))[:most_groups]:
        part = rows[mask]
        # A column that is constant within a group cannot be part of its formula
        varying = [p for p, name in enumerate(part.names) if name not in groups and np.ptp(part.x[:, p]) > 0]
        if varying and len(part) >= min_rows:
            for tree in find_formulas(part.select_columns(varying), run):
                yield from _make_template(tree)


def _list_encoded(column: str, run: SearchContext) -> set[str]:
    return {variable.name for variable in run.data.encoding.names if variable.feature == column}


def _make_template(tree: Expression) -> Iterator[FormTemplate]:
    """A formula as a form with the constants c1, c2, …; nothing without constants or columns."""
    form, values = parametrize_floats(tree)
    if values and variables(tree):
        yield FormTemplate(to_text(tree), form, tuple(f"c{number}" for number in range(1, len(values) + 1)))
