"""The best of many forms with rough constants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, parametrize_floats
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import ParametricForm, Residuals, refit_coarsely
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.problem import Problem


def propose_best(
    starts: Iterable[Expression],
    problem: Problem,
    strategy: str,
    max_laws: int = 3,
    max_error: float = 0.3,
) -> Iterator[Candidate]:
    """Refine the constants of forms; yield the formulas with the shortest descriptions.

    Args:
        starts: Forms with constants from a grid.
        problem: Its rows.
        strategy: Name of the strategy that proposes the formulas.
        max_laws: Number of formulas.
        max_error: Over the spread of the target; a form that leaves more is left out.
    """
    bits_by_tree = dict[Expression, float]()
    # A few steps from the grid tell forms apart; the best ones are fitted to the end
    for tree in starts:
        form = _refine(tree, problem.fit, max_error)
        if form is not None:
            bits_by_tree[form.numeric_tree] = description_length(form, problem.rows)
    for tree in sorted(bits_by_tree, key=lambda candidate: bits_by_tree[candidate])[:max_laws]:
        formula = Formula.refit(tree, problem.fit, problem.validation, problem.constraints)
        yield Candidate.create(formula, strategy)


def _refine(tree: Expression, rows: LabelledRows, max_error: float, steps: int = 12) -> ParametricForm | None:
    """The form after a few steps of a fit; None if it leaves too much."""
    free, constants = parametrize_floats(tree)
    form = ParametricForm(free, np.array(constants))
    residuals = Residuals(form, rows)
    values = refit_coarsely(residuals, form.values, steps)
    if residuals.measure(values) ** 0.5 <= max_error * rows.spread:
        return ParametricForm(free, values)
    return None
