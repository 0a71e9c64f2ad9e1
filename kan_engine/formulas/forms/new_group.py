"""A new group of a form with constants of each group: its own constants from a few rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.nodes import Expression, Number, Parameter, substitute
from kan_engine.formulas.forms.fitted_form import FittedForm, FittedGroups, describe_form
from kan_engine.formulas.forms.groups import insert_constants
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.formulas.forms.thresholds import DEFAULT_FORMS, FormThresholds

Array = np.ndarray


def add_group(
    fitted: FittedForm,
    name: str,
    rows: LabelledRows,
    indicators: Mapping[str, Expression],
    thresholds: FormThresholds = DEFAULT_FORMS,
) -> FittedForm:
    """Fit the own constants of a new group to its rows; the shared ones stay.

    The formula gives the new group to every row that belongs to none of the known ones.

    Args:
        fitted: The form with its groups.
        name: Name of the new group.
        rows: Of the new group alone.
        indicators: Of the known groups, as in ``Grouping``.
        thresholds: Decision numbers.

    Raises:
        InvalidData: The group is known, has fewer rows than own constants, or cannot be told from the others,
            as a second one that training did not have.
    """
    groups = fitted.groups
    if groups is None or not groups.own:
        raise InvalidData("the form has no constants of each group")
    _check_group(groups, name, len(rows), indicators)
    values = {each.name: each.value for each in fitted.constants}
    own = [values | {each: values[f"{each}[{group}]"] for each in groups.own} for group in groups.groups]
    problem = FormProblem(_hold_shared(groups, values), rows, [(-np.inf, np.inf)] * len(groups.own))
    starts = [np.array([known[each] for each in groups.own]) for known in own]
    fits = [
        problem.fit(start, thresholds.final_steps, thresholds.min_relative_gain)
        for start in [*starts, np.mean(starts, axis=0)]
    ]
    best = min(fits, key=problem.measure)
    names = tuple(f"{each}[{name}]" for each in groups.own)
    described = describe_form(FormTemplate(fitted.text, problem.tree, names), problem, best, thresholds)
    free = [*(each for each in fitted.constants if not each.is_held), *described.constants]
    known = [indicators[each] for each in groups.groups]
    return replace(
        fitted,
        tree=_insert(groups, name, {each.name: Parameter(place) for place, each in enumerate(free)}, known),
        constants=(*free, *(each for each in fitted.constants if each.is_held)),
        correlation=_join(fitted.correlation, described.correlation),
        groups=replace(
            groups,
            groups=(*groups.groups, name),
            formula=_insert(groups, name, {each.name: Number(each.value) for each in free}, known),
        ),
        warnings=(*fitted.warnings, *(f"{name}: {warning}" for warning in described.warnings)),
    )


def _check_group(groups: FittedGroups, name: str, rows: int, indicators: Collection[str]) -> None:
    if name in groups.groups:
        raise InvalidData(f"the group {name!r} is known already; train the model with its rows")
    if len(groups.groups) < 3:
        raise InvalidData("two groups share one indicator, so a third cannot be added; train with its rows")
    if added := [group for group in groups.groups if group not in indicators]:
        raise InvalidData(
            f"the group {added[0]!r} was added without training, and the formula cannot tell a second one "
            "from it; train the model with the rows of both"
        )
    if rows < len(groups.own):
        raise InvalidData(f"{rows} rows are too few for {len(groups.own)} constants of the new group")


def _hold_shared(groups: FittedGroups, values: Mapping[str, float]) -> Expression:
    """The form with its own constants as parameters, in the order of ``own``."""
    moved: dict[Expression, Expression] = {
        Parameter(place): Parameter(groups.own.index(name)) if name in groups.own else Number(values[name])
        for place, name in enumerate(groups.names)
    }
    return substitute(groups.template, moved)


def _insert(
    groups: FittedGroups, new: str, constants: Mapping[str, Expression], indicators: Sequence[Expression]
) -> Expression:
    """The form with its constants, by name, in which a row of no known group has those of the new one."""

    def list_own(name: str) -> list[Expression]:
        return [constants[f"{name}[{group}]"] for group in groups.groups]

    return insert_constants(
        groups.template,
        [list_own(name) if name in groups.own else [constants[name]] for name in groups.names],
        [constants[f"{name}[{new}]" if name in groups.own else name] for name in groups.names],
        indicators,
    )


def _join(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]
) -> tuple[tuple[float, ...], ...]:
    """Correlation of constants that were fitted to different rows: 0 between the two."""
    upper = [(*row, *[0.0] * len(second)) for row in first]
    return (*upper, *((*[0.0] * len(first), *row) for row in second))
