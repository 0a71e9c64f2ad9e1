"""A new group of a form with constants of each group: its own constants from a few rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.linalg import block_diag

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import bind
from kan_engine.expressions.nodes import Expression, Number, Parameter, substitute
from kan_engine.formulas.forms.fitted_form import FittedForm, FittedGroups, describe_form
from kan_engine.formulas.forms.groups import insert_constants
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate


def add_group(
    form: FittedForm, name: str, rows: LabelledRows, indicators: Mapping[str, Expression]
) -> FittedForm:
    """Fit the own constants of a new group to its rows; the shared ones stay.

    The formula gives the new group to every row that belongs to none of the known ones.

    Args:
        form: The form with its groups.
        name: Name of the new group.
        rows: Of the new group alone.
        indicators: Of the known groups, as in ``fit_groups``.

    Raises:
        InvalidData: The group is known, has fewer rows than own constants, or cannot be told from the others,
            as a second one that training did not have.
    """
    groups = form.groups
    if groups is None or not groups.own:
        raise InvalidData("the form has no constants of each group")
    _check_group(groups, name, len(rows), indicators)
    values = {constant.name: constant.value for constant in form.constants}
    problem = FormProblem(_hold_shared(groups, values), rows, [(-np.inf, np.inf)] * len(groups.own))
    # From the constants of each known group, and from their means
    starts = np.array(
        [[values[f"{constant}[{group}]"] for constant in groups.own] for group in groups.groups]
    )
    best = min(map(problem.fit, [*starts, starts.mean(0)]), key=problem.measure)
    names = tuple(f"{constant}[{name}]" for constant in groups.own)
    description = describe_form(FormTemplate(form.text, problem.tree, names), problem, best)

    free = [*(constant for constant in form.constants if not constant.is_held), *description.constants]
    tree = _insert_group(groups, name, [constant.name for constant in free], indicators)
    return replace(
        form,
        tree=tree,
        constants=(*free, *(constant for constant in form.constants if constant.is_held)),
        correlation=tuple(map(tuple, block_diag(form.correlation, description.correlation).tolist())),
        groups=replace(
            groups,
            groups=(*groups.groups, name),
            formula=bind(tree, [constant.value for constant in free]),
        ),
        warnings=(*form.warnings, *(f"{name}: {warning}" for warning in description.warnings)),
    )


def _check_group(groups: FittedGroups, name: str, rows: int, indicators: Collection[str]) -> None:
    if name in groups.groups:
        raise InvalidData(f"the group {name!r} is known already; train the model with its rows")
    if len(groups.groups) < 3:
        raise InvalidData("two groups share one indicator, so a third cannot be added; train with its rows")
    if new_ones := [group for group in groups.groups if group not in indicators]:
        raise InvalidData(
            f"the group {new_ones[0]!r} was added without training, and the formula cannot tell a second one "
            "from it; train the model with the rows of both"
        )
    if rows < len(groups.own):
        raise InvalidData(f"{rows} rows are too few for {len(groups.own)} constants of the new group")


def _hold_shared(groups: FittedGroups, values: Mapping[str, float]) -> Expression:
    """The form with its own constants as parameters, in the order of ``own``."""
    replacements: dict[Expression, Expression] = {
        Parameter(place): Parameter(groups.own.index(name)) if name in groups.own else Number(values[name])
        for place, name in enumerate(groups.names)
    }
    return substitute(groups.template, replacements)


def _insert_group(
    groups: FittedGroups, new: str, names: Sequence[str], indicators: Mapping[str, Expression]
) -> Expression:
    """The form with a parameter for each named constant; a row of no known group has those of the new one."""

    def list_parameters(name: str, among: Sequence[str]) -> list[Expression]:
        labels = [f"{name}[{group}]" for group in among] if name in groups.own else [name]
        return [Parameter(names.index(label)) for label in labels]

    return insert_constants(
        groups.template,
        [list_parameters(name, groups.groups) for name in groups.names],
        [indicators[group] for group in groups.groups],
        [list_parameters(name, [new])[0] for name in groups.names],
    )
