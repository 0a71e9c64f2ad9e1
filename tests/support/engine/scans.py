"""One strategy alone on rows of a law."""

from collections.abc import Mapping

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import FormulaSettings, Problem
from kan_engine.formulas.search import Strategy
from tests.support.engine.laws import Law

ROWS = 200
Ranges = Mapping[str, tuple[float, float]]


def propose(
    strategy: Strategy,
    law: Law,
    ranges: Ranges,
    noise: float,
    limits: FormulaConstraints = NO_CONSTRAINTS,
    judge: Judge | None = None,
) -> tuple[list[Expression], float]:
    """The formulas of a strategy, and the error of the shortest over the spread of the law."""
    rng = np.random.default_rng(1)
    columns = {name: rng.uniform(low, high, ROWS) for name, (low, high) in ranges.items()}
    clean = law(*columns.values())
    rows = LabelledRows.from_columns(columns, clean + noise * clean.std() * rng.normal(size=ROWS))
    settings = FormulaSettings(constraints=limits)
    problem = Problem.create(rows[:160], rows[160:], settings=settings, callbacks=Callbacks())
    pool = Pool(problem)
    for candidate in strategy.propose(pool, judge or Judge()):
        pool.add(candidate)
    if pool.best is None:
        return [], float("inf")
    error = evaluate(pool.best.tree, columns) - clean
    return [entry.tree for entry in pool.candidates], float(np.sqrt(np.mean(error**2)) / clean.std())
