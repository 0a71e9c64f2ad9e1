"""Forms with constants of each group: the groups of a column, and formulas of the search as forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kan_engine.data.column_definitions import IsCategory, IsMissing
from kan_engine.data.encoding import Encoding
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Expression, Variable, parametrize_floats, variables
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.forms.fitted_form import FittedForm
from kan_engine.formulas.forms.groups import fit_groups
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.search.config import PerGroup
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.form_functions import find_formulas


def fit_form_to_groups(template: FormTemplate, rows: LabelledRows, run: SearchContext) -> FittedForm:
    """Fit a form with shared constants and constants of each group.

    Raises:
        InvalidData: There are no groups, or the form has no constants or no finite values.
    """
    if not template.constants:
        raise InvalidData("constants per group need a form with constants that are fitted")
    asked = _get_groups(run)
    return fit_groups(
        template,
        asked.column,
        make_indicators(asked.column, run.data.encoding),
        rows,
        own=asked.own,
        seed=run.config.seed,
        should_stop=run.should_stop,
    )


def _get_groups(run: SearchContext) -> PerGroup:
    """The groups that the search names."""
    asked = run.config.per_group
    assert asked is not None  # noqa: S101 - called for a search with groups
    return asked


def make_indicators(name: str, encoding: Encoding) -> dict[str, Expression]:
    """By group of a column, the expression of the encoded columns that is 1 in it and 0 elsewhere.

    Raises:
        InvalidData: The column has one value in all training rows.
    """
    encoded = [column for column in encoding.names if column.feature == name]
    if not encoded:
        raise InvalidData(f"the column {name!r} names no groups: it is the same in all training rows")
    if len(encoded) == 1:  # two values have one indicator
        known = Variable(encoded[0].name)
        feature = next(each for each in encoding.features if each.name == name)
        first, second = feature.categories or ("false", "true")
        return {first: 1 - known, second: known}
    found: dict[str, Expression] = {}
    for column in encoded:
        match column.definition:
            case IsCategory(_, category):
                group = category
            case IsMissing():
                group = "missing"
            case _:
                group = "other"
        found[group] = Variable(column.name)
    return found


def list_formula_templates(formulas: Sequence[Formula], run: SearchContext) -> Iterator[FormTemplate]:
    """Formulas as forms, the best first, without those that tell groups apart themselves."""
    groups = _list_group_columns(run)
    for formula in formulas:
        if not groups & {*variables(formula.tree)}:
            yield from _make_template(formula.tree)


def find_group_templates(
    run: SearchContext, most_groups: int = 2, min_rows: int = 15
) -> Iterator[FormTemplate]:
    """Formulas of the rows of single groups as forms, in turn, the best first.

    Args:
        run: The search.
        most_groups: Number of groups, the largest ones.
        min_rows: Of each.

    Raises:
        InvalidData: There are no groups.
    """
    rows, groups = run.data.training, _list_group_columns(run)
    indicators = make_indicators(_get_groups(run).column, run.data.encoding)
    masks = [evaluate(tree, rows.columns) > 0.5 for tree in indicators.values()]
    for mask in sorted(masks, key=lambda mask: -int(mask.sum()))[:most_groups]:
        part = rows[mask]
        varying = [p for p, name in enumerate(part.names) if name not in groups and np.ptp(part.x[:, p]) > 0]
        if varying and len(part) >= min_rows:
            for tree in find_formulas(part.select_columns(varying), run):
                yield from _make_template(tree)


def _list_group_columns(run: SearchContext) -> set[str]:
    """The encoded columns that name the groups."""
    name = _get_groups(run).column
    return {column.name for column in run.data.encoding.names if column.feature == name}


def _make_template(tree: Expression) -> Iterator[FormTemplate]:
    """A formula as a form with the constants c1, c2, …; nothing without constants or columns."""
    form, values = parametrize_floats(tree)
    if values and variables(tree):
        yield FormTemplate(to_text(tree), form, tuple(f"c{number}" for number in range(1, len(values) + 1)))
