"""One form with some constants shared by all groups of rows and some of their own.

Which constants are a group's own is chosen by the description length of the rows: residuals of n rows cost
n/2·log₂ of their mean square, and a constant ½·log₂ of the number of rows that determine it, which are all
rows or those of its group (Rissanen, Automatica 14, 1978).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Expression, Number, Parameter, add, mul, substitute
from kan_engine.formulas.forms.fitted_form import FittedForm, FittedGroups, describe_form
from kan_engine.formulas.forms.global_fit import fit_globally
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.numerics.ties import ROUNDING, round_rank

Array = np.ndarray


def fit_groups(
    template: FormTemplate,
    column: str,
    indicators: Mapping[str, Expression],
    rows: LabelledRows,
    *,
    own: tuple[str, ...] | None = None,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> FittedForm:
    """Fit a form with shared constants and constants of each group.

    Args:
        template: The form.
        column: The column that names the groups.
        indicators: By group, an expression of the rows' columns that is 1 in the group and 0 elsewhere.
        rows: Of all groups.
        own: Names of the constants that are a group's own; None lets the rows choose.
        seed: Of the starts.
        should_stop: Once it returns true, no further round of starts begins.

    Raises:
        InvalidData: A group has no rows, a constant does not exist, or the form has no finite values.
    """
    unknown = [name for name in own or () if name not in template.constants]
    if unknown:
        raise InvalidData(f"the form has no constant {unknown[0]!r} that is fitted")
    masks = [evaluate(tree, rows.columns) > 0.5 for tree in indicators.values()]
    empty = [group for group, mask in zip(indicators, masks, strict=True) if not mask.any()]
    if empty:
        raise InvalidData(f"the group {empty[0]!r} has no training rows", column=column)
    form = _GroupedForm(template, indicators, rows, np.stack(masks))
    joint, alone = _find_starts(form, seed, should_stop)
    if own is None:
        best = _choose_own(form, joint, alone, should_stop)
    else:
        best = form.fit([template.constants.index(name) for name in own], [joint, alone])
    # The choice needs rough fits only; the last one is to rounding error
    best = form.fit(best.own, [best.constants], 400, 1e-13)
    return describe_form(best.template, best.problem, best.values, _describe_groups(form, best, column))


def _find_starts(
    form: _GroupedForm, seed: int, should_stop: Callable[[], bool], max_searches: int = 4
) -> tuple[Float[Array, "groups constants"], Float[Array, "groups constants"]]:
    """Constants of all groups together, and of every group alone.

    Those of the largest groups are searched for, as many as ``max_searches`` says. Those of the others are
    fitted from the constants that are known then.
    """
    template, bounds = form.template, form.template.get_bounds()
    candidates = [fit_globally(FormProblem(template.tree, form.rows, bounds), seed, should_stop=should_stop)]
    problems = [FormProblem(template.tree, form.rows[mask], bounds) for mask in form.masks]
    solvable = [problem for problem in problems if len(problem.rows) > len(bounds)]
    for problem in sorted(solvable, key=lambda problem: -len(problem.rows))[:max_searches]:
        candidates.append(fit_globally(problem, seed, should_stop=should_stop))
    alone = [
        min(
            [problem.fit(values, 60) if problem in solvable else values for values in candidates],
            key=problem.measure,
        )
        for problem in problems
    ]
    return np.tile(candidates[0], (len(problems), 1)), np.stack(alone)


def _choose_own(
    form: _GroupedForm,
    joint: Float[Array, "groups constants"],
    alone: Float[Array, "groups constants"],
    should_stop: Callable[[], bool],
) -> _Roles:
    """Change which constants are a group's own as long as the description becomes shorter.

    One constant changes at a time; two where that does not help, since one may replace another.
    """
    count, best = len(form.template.constants), form.fit([], [joint, alone])
    size = 1
    while size <= 2 and not should_stop():
        changes = [sorted({*best.own} ^ {*change}) for change in combinations(range(count), size)]
        fits = [form.fit(group_constants, [best.constants, alone]) for group_constants in changes]
        shortest = min(fits, key=lambda fit: fit.bits, default=best)
        is_shorter = shortest.bits < best.bits
        best, size = (shortest, 1) if is_shorter else (best, size + 1)
    return best


@dataclass(frozen=True, eq=False)
class _Roles:
    """A fit with some constants of each group's own.

    Attributes:
        own: Indices of these constants.
        template: The form with a parameter per group for each of them.
        problem: Its least-squares problem.
        values: Its constants.
        constants: The constants of every group; those that are shared are equal.
        bits: Description length.
    """

    own: Sequence[int]
    template: FormTemplate
    problem: FormProblem
    values: Float[Array, " parameters"]
    constants: Float[Array, "groups constants"]
    bits: float


@dataclass(frozen=True, eq=False)
class _GroupedForm:
    """A form, and the groups of rows that it is fitted to."""

    template: FormTemplate
    indicators: Mapping[str, Expression]
    rows: LabelledRows
    masks: Bool[Array, "groups rows"]

    def fit(
        self,
        group_constants: Sequence[int],
        starts: Sequence[Float[Array, "groups constants"]],
        evaluations: int = 60,
        min_gain: float = 1e-8,
    ) -> _Roles:
        """Fit the form with these constants of each group's own, from the best of some starts."""
        group_template, counts = self._expand(group_constants)
        problem = FormProblem(group_template.tree, self.rows, group_template.get_bounds())
        begins = [self._pack(start, counts) for start in starts]
        fits = [problem.fit(begin, evaluations, min_gain) for begin in begins]
        # Shared constants have one parameter, which all groups get
        values = min(fits, key=problem.measure)
        parts = np.split(values, np.cumsum(counts)[:-1])
        constants = np.stack([np.broadcast_to(part, len(self.masks)) for part in parts], 1)
        bits = self._count_bits(problem.measure(values), group_constants)
        return _Roles(group_constants, group_template, problem, values, constants, bits)

    @staticmethod
    def _pack(
        constants: Float[Array, "groups constants"], counts: Sequence[int]
    ) -> Float[Array, " parameters"]:
        """The parameters of the form; a shared one is the median of the groups."""
        pairs = zip(constants.T, counts, strict=True)
        return np.concatenate([values if count > 1 else [np.median(values)] for values, count in pairs])

    def _expand(self, group_constants: Sequence[int]) -> tuple[FormTemplate, list[int]]:
        """The form with a parameter per group for its own constants, and the number of those of each."""
        names, parameters = list[str](), list[list[Expression]]()
        for place, name in enumerate(self.template.constants):
            new_names = (
                [f"{name}[{group}]" for group in self.indicators] if place in group_constants else [name]
            )
            parameters.append([Parameter(len(names) + number) for number in range(len(new_names))])
            names += new_names
        tree = insert_constants(self.template.tree, parameters, [*self.indicators.values()])
        return replace(self.template, tree=tree, constants=tuple(names)), [
            len(alternatives) for alternatives in parameters
        ]

    def _count_bits(self, squares: float, group_constants: Sequence[int]) -> float:
        """Description length: of the residuals, and of every constant by the rows that determine it."""
        count, target, noise = len(self.rows), self.rows.y, self.rows.unit_error
        if not np.isfinite(squares):
            return float("inf")
        # Below this a fit is exact, and what its residuals are is rounding
        squares = max(squares, float(self.rows.weights @ target**2) * ROUNDING**2, 1e-300)
        residuals = np.log2(squares / count) if noise is None else np.log2(np.e) * squares / count / noise**2
        # Each constant costs half the logarithm of the rows that determine it
        shared_bits = (len(self.template.constants) - len(group_constants)) * np.log2(count)
        constants = shared_bits + len(group_constants) * np.log2(self.masks.sum(1)).sum()
        return round_rank(float(count * residuals + constants) / 2)


def _describe_groups(form: _GroupedForm, fit: _Roles, column: str) -> FittedGroups:
    """The groups, and the formula in which another group has the mean of each constant."""
    names = form.template.constants
    numbers = [[Number(float(value)) for value in row] for row in fit.constants.T]
    return FittedGroups(
        column=column,
        groups=tuple(form.indicators),
        own=tuple(names[place] for place in fit.own),
        shared=tuple(name for place, name in enumerate(names) if place not in fit.own),
        formula=insert_constants(
            form.template.tree,
            [row if place in fit.own else row[:1] for place, row in enumerate(numbers)],
            [*form.indicators.values()],
            [Number(float(mean)) for mean in fit.constants.mean(0)],
        ),
        template=form.template.tree,
        names=names,
    )


def insert_constants(
    template: Expression,
    constants: Sequence[Sequence[Expression]],
    indicators: Sequence[Expression],
    fallbacks: Sequence[Expression] = (),
) -> Expression:
    """Write a form with the constants of its groups: ``(1.01*is_A + 2.01*is_B + …)*exp(-0.79*t)``.

    Args:
        template: The form.
        constants: For each of its constants: one that all groups share, or one of each group.
        indicators: Of the groups.
        fallbacks: The constants of a row that belongs to no group. Two groups have one indicator, which tells
            no such rows.
    """
    no_group = add(1, *(mul(-1, indicator) for indicator in indicators))
    replacements: dict[Expression, Expression] = {}
    for place, alternatives in enumerate(constants):
        if len(alternatives) == 1:
            replacements[Parameter(place)] = alternatives[0]
            continue
        terms = [
            mul(constant, indicator) for constant, indicator in zip(alternatives, indicators, strict=True)
        ]
        replacements[Parameter(place)] = add(
            *terms, *([mul(fallbacks[place], no_group)] if fallbacks and len(alternatives) > 2 else [])
        )
    return substitute(template, replacements)
