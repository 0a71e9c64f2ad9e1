"""All short formulas of the columns, or of the groups of a reduction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kan_engine.expressions.evaluation import Expression, Variable, mul, substitute
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.core.thresholds import MAX_NOISY_REFIT_STEPS
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.strategies.enumeration.enumerated_law import enumerate_laws


@dataclass(frozen=True)
class Enumeration:
    """The closest of millions of short formulas, which noise hides less than curves."""

    name: str = "enumeration"
    message: str = "trying all short formulas"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas with the shortest descriptions."""
        columns = {name: Variable(name) for name in pool.problem.names}
        yield from enumerate_formulas(Reduction(groups=columns), pool.problem)


def enumerate_formulas(reduction: Reduction, problem: Problem) -> Iterator[Candidate]:
    """Try all short laws of a reduction; yield the formulas with the shortest descriptions."""
    # Laws of the groups become formulas of the columns before their constants are fitted
    bits_by_tree = dict[Expression, float]()
    group_rows = reduction.reduce_data(problem.fit)
    replacements: dict[Expression, Expression] = {
        Variable(name): tree for name, tree in reduction.groups.items()
    }
    for form in enumerate_laws(group_rows, problem.should_stop):
        full_form = ParametricForm(mul(reduction.factor, substitute(form.tree, replacements)), form.values)
        refit_form = refit_constants(full_form, problem.fit, iterations=MAX_NOISY_REFIT_STEPS)
        bits_by_tree[refit_form.numeric_tree] = description_length(refit_form, problem.rows)
    best = sorted(
        (tree for tree, bits in bits_by_tree.items() if np.isfinite(bits)),
        key=lambda tree: bits_by_tree[tree],
    )
    yield from problem.expand(Reduction(groups={}), best, "enumeration", tried_in=reduction)
