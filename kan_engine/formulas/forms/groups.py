"""One form with some constants shared by all groups of rows and some of their own.

Which constants are a group's own is chosen by the description length of the rows: residuals of n rows cost
n/2·log₂ of their mean square, and a constant ½·log₂ of the number of rows that determine it, which are all
rows or those of its group (Rissanen, Automatica 14, 1978).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Expression, Number, Parameter, add, mul, substitute
from kan_engine.formulas.forms.fitted_form import FittedForm, FittedGroups, describe_form
from kan_engine.formulas.forms.global_fit import fit_globally
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.formulas.forms.thresholds import DEFAULT_FORMS, FormThresholds
from kan_engine.numerics.ties import ROUNDING, round_rank

Array = np.ndarray


@dataclass(frozen=True)
class Grouping:
    """Groups of rows.

    Attributes:
        column: The column that names them.
        indicators: By group, an expression of the rows' columns that is 1 in the group and 0 elsewhere.
        own: Names of the constants that are a group's own; None lets the rows choose.
    """

    column: str
    indicators: Mapping[str, Expression]
    own: tuple[str, ...] | None = None


def fit_groups(
    template: FormTemplate,
    grouping: Grouping,
    rows: LabelledRows,
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: FormThresholds = DEFAULT_FORMS,
) -> FittedForm:
    """Fit a form with shared constants and constants of each group.

    Raises:
        InvalidData: A group has no rows, a constant does not exist, or the form has no finite values.
    """
    unknown = [name for name in grouping.own or () if name not in template.constants]
    if unknown:
        raise InvalidData(f"the form has no constant {unknown[0]!r} that is fitted")
    rows = rows.sample(thresholds.max_rows, seed)
    search = _RoleSearch(template, grouping, rows, thresholds)
    search.find_starts(seed, should_stop)
    own = search.choose() if grouping.own is None else [template.constants.index(n) for n in grouping.own]
    whole, _ = search.expand(own)
    problem = FormProblem(whole.tree, rows, whole.get_bounds())
    values = problem.fit(search.fit(own).values, thresholds.final_steps, thresholds.min_relative_gain)
    return describe_form(whole, problem, values, thresholds, search.describe(own, values))


@dataclass(frozen=True, eq=False)
class _Roles:
    """A fit with some constants of each group's own."""

    values: Array
    bits: float


class _RoleSearch:
    """Fits of a form by which of its constants are a group's own."""

    def __init__(
        self, template: FormTemplate, grouping: Grouping, rows: LabelledRows, thresholds: FormThresholds
    ) -> None:
        self._template, self._grouping, self._rows, self._thresholds = template, grouping, rows, thresholds
        self._groups = list(grouping.indicators)
        columns = rows.columns
        self._masks = [evaluate(tree, columns) > 0.5 for tree in grouping.indicators.values()]
        empty = [group for group, mask in zip(self._groups, self._masks, strict=True) if not mask.any()]
        if empty:
            raise InvalidData(f"the group {empty[0]!r} has no training rows", column=grouping.column)
        self._starts, self._pooled = np.zeros((0, 0)), np.zeros(0)
        self._known: dict[tuple[int, ...], _Roles] = {}

    def find_starts(self, seed: int, should_stop: Callable[[], bool]) -> None:
        """Constants of every group alone [groups, constants]: from the largest ones, fitted to the others."""
        template, limits = self._template, self._thresholds
        bounds = template.get_bounds()
        everything = FormProblem(template.tree, self._rows, bounds)
        self._pooled = fit_globally(everything, seed, should_stop=should_stop, thresholds=limits)
        known = [self._pooled]
        problems = [FormProblem(template.tree, self._rows[mask], bounds) for mask in self._masks]
        sizes = [int(mask.sum()) for mask in self._masks]
        for place in sorted(range(len(sizes)), key=lambda place: -sizes[place])[: limits.searched_groups]:
            if sizes[place] > len(template.constants):
                known.append(fit_globally(problems[place], seed, should_stop=should_stop, thresholds=limits))
        self._starts = np.stack([self._fit_alone(problem, known) for problem in problems])

    def choose(self) -> list[int]:
        """Indices of the constants that are a group's own, by the smallest description length."""
        count = len(self._template.constants)
        if count <= self._thresholds.max_exhaustive_constants:
            choices = [list(c) for size in range(count + 1) for c in combinations(range(count), size)]
            return min(choices, key=lambda own: self.fit(own).bits)
        own: list[int] = []
        while True:  # one more as long as that is shorter
            further = [sorted([*own, place]) for place in range(count) if place not in own]
            best = min(further, key=lambda each: self.fit(each).bits, default=own)
            if self.fit(best).bits >= self.fit(own).bits:
                return own
            own = best

    def fit(self, own: Sequence[int]) -> _Roles:
        """Fit the form with these constants of each group's own; one more of them never fits worse."""
        key, limits = tuple(own), self._thresholds
        if key not in self._known:
            whole, places = self.expand(own)
            problem = FormProblem(whole.tree, self._rows, whole.get_bounds())
            starts = [
                self._start_alone(places),
                *([self._start_simpler(own, places)] if own else [self._pooled]),
            ]
            fits = [problem.fit(start, limits.refine_steps, limits.profile_gain) for start in starts]
            values = min(fits, key=problem.measure)
            bits = self._count_bits(problem.measure(values), places)
            self._known[key] = _Roles(values, bits)
        return self._known[key]

    def _start_alone(self, places: Sequence[tuple[int, int | None]]) -> Array:
        """Own constants from the fits of each group alone, shared ones from the median of these."""
        middle = np.median(self._starts, axis=0)
        return np.array(
            [
                middle[constant] if group is None else self._starts[group, constant]
                for constant, group in places
            ]
        )

    def _start_simpler(self, own: Sequence[int], places: Sequence[tuple[int, int | None]]) -> Array:
        """The best fit with one own constant less, which is the same in all groups."""
        simpler = [[each for each in own if each != place] for place in own]
        best = min(simpler, key=lambda each: self.fit(each).bits)
        _, known = self.expand(best)
        values = dict(zip(known, self.fit(best).values, strict=True))
        return np.array([values.get(place, values.get((place[0], None), np.nan)) for place in places])

    def _count_bits(self, squares: float, places: Sequence[tuple[int, int | None]]) -> float:
        """Description length: of the residuals, and of every constant by the rows that determine it."""
        count, target = len(self._rows), self._rows.y
        if not np.isfinite(squares):
            return float("inf")
        # Below this a fit is exact, and what its residuals are is rounding
        squares = max(squares, float(self._rows.weights @ target**2) * ROUNDING**2, 1e-300)
        rows = [count if group is None else int(self._masks[group].sum()) for _, group in places]
        known = self._rows.unit_error
        residuals = np.log2(squares / count) if known is None else np.log2(np.e) * squares / count / known**2
        return round_rank(count / 2 * float(residuals) + float(sum(np.log2(n) for n in rows)) / 2)

    def expand(self, own: Sequence[int]) -> tuple[FormTemplate, list[tuple[int, int | None]]]:
        """The form with a parameter per group for its own constants; constant and group of each parameter."""
        template, places = self._template, list[tuple[int, int | None]]()
        names, moved = list[str](), dict[Expression, Expression]()
        for constant, name in enumerate(template.constants):
            if constant not in own:
                moved[Parameter(constant)] = Parameter(len(names))
                names.append(name)
                places.append((constant, None))
                continue
            terms = []
            for group, indicator in enumerate(self._grouping.indicators.values()):
                terms.append(mul(Parameter(len(names)), indicator))
                names.append(f"{name}[{self._groups[group]}]")
                places.append((constant, group))
            moved[Parameter(constant)] = add(*terms)
        whole = FormTemplate(
            template.text, substitute(template.tree, moved), tuple(names), (), template.limits, template.held
        )
        return whole, places

    def describe(self, own: Sequence[int], values: Array) -> FittedGroups:
        """The groups, and the formula in which another group has the mean of each constant."""
        names, (_, places) = self._template.constants, self.expand(own)
        found = [
            [float(value) for (which, _), value in zip(places, values, strict=True) if which == constant]
            for constant in range(len(names))
        ]
        means = [Number(float(np.mean(each))) for each in found]
        indicators = [*self._grouping.indicators.values()]
        return FittedGroups(
            column=self._grouping.column,
            groups=tuple(self._groups),
            own=tuple(names[place] for place in own),
            shared=tuple(name for place, name in enumerate(names) if place not in own),
            formula=insert_constants(
                self._template.tree, [[*map(Number, each)] for each in found], means, indicators
            ),
            template=self._template.tree,
            names=names,
        )

    def _fit_alone(self, problem: FormProblem, known: Sequence[Array]) -> Float[Array, " constants"]:
        limits = self._thresholds
        if len(problem.rows) <= len(problem.bounds):
            return min(known, key=problem.measure)
        tried = [problem.fit(values, limits.refine_steps, limits.profile_gain) for values in known]
        return min(tried, key=problem.measure)


def insert_constants(
    template: Expression,
    constants: Sequence[Sequence[Expression]],
    others: Sequence[Expression],
    indicators: Sequence[Expression],
) -> Expression:
    """Write a form with the constants of its groups: ``(1.01*is_A + 2.01*is_B + …)*exp(-0.79*t)``.

    Args:
        template: The form.
        constants: For each of its constants: one that all groups share, or one of each group.
        others: The constants of a row that belongs to no group. Two groups have one indicator, which tells
            no such rows.
        indicators: Of the groups.
    """
    no_group = add(1, *(mul(-1, indicator) for indicator in indicators))
    moved: dict[Expression, Expression] = {}
    for place, (own, other) in enumerate(zip(constants, others, strict=True)):
        if len(own) == 1:
            moved[Parameter(place)] = own[0]
            continue
        terms = [mul(each, indicator) for each, indicator in zip(own, indicators, strict=True)]
        moved[Parameter(place)] = add(*terms, *([mul(other, no_group)] if len(own) > 2 else []))
    return substitute(template, moved)
