"""Reductions as strategies: the same loop solves the smaller problem, and what it finds is expanded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.expressions.evaluation import Number
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool, ReducedPool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.reductions.dimensional_choice import find_dimensional_reductions
from kan_engine.formulas.reductions.power_factor import find_power_factors
from kan_engine.formulas.reductions.variable_groups import find_reduction
from kan_engine.formulas.search import Step, search
from kan_engine.formulas.strategies.enumeration.strategy import enumerate_formulas


@dataclass(frozen=True)
class VariableGroups:
    """Groups of columns that act as one variable, from the symmetries of a smooth surrogate.

    Attributes:
        inside: Schedule of the problem in the groups.
        work_share: Of the seconds of a job, after whose work the search in the groups ends.
    """

    inside: Sequence[Step]
    name: str = "groups of columns"
    message: str = "searching for groups of inputs that act as one variable"
    work_share: float = 0.2

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield an exact law of the groups; on the table all short formulas of the groups as well."""
        problem = pool.problem
        reduction = find_reduction(problem.fit, problem.validation, problem.should_stop)
        if reduction is None:
            return
        subproblem = problem.limit_work(self.work_share)
        yield from solve_inside(reduction, pool, self.inside, judge, self.name, subproblem)
        if not problem.path:
            yield from enumerate_formulas(reduction, problem)


@dataclass(frozen=True)
class PowerFactors:
    """An exact law that a factor of powers of columns hides.

    Attributes:
        inside: Schedule of the problem without the factor.
        algebra: The same where what the closest network leaves seems to be noise, but may be its own error.
    """

    inside: Sequence[Step]
    algebra: Sequence[Step]
    name: str = "factor of powers"
    message: str = "searching for a law behind a factor"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield all short formulas behind each factor, and the exact law if there is one."""
        problem, is_noisy = pool.problem, judge.is_noisy(pool)
        schedule = self.algebra if is_noisy else self.inside
        for reduction in find_power_factors(problem.rows):
            has_fewer = len(reduction.groups) < len(problem.names)
            if not is_noisy and (has_fewer or "enumeration" not in pool.has_run):
                yield from enumerate_formulas(reduction, problem)
            if problem.may_be_exact:
                yield from solve_inside(reduction, pool, schedule, judge, self.name)


@dataclass(frozen=True)
class DimensionlessGroups:
    """Dimensionless products of powers of the columns and of constants of nature.

    Attributes:
        inside: Schedule of the problem in the groups.
        nearest: Schedule for the laws of the closest small networks in the groups.
        work_share: Of the seconds of a job, after whose work the search in these groups ends.
    """

    inside: Sequence[Step]
    nearest: Sequence[Step]
    name: str = "dimensionless groups"
    message: str = "searching for a law in dimensionless groups"
    work_share: float = 0.3

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield short formulas and exact laws of each choice of groups, then those of the closest network."""
        problem, units = pool.problem, pool.problem.constraints.units
        if units is None:
            return
        problem = problem.limit_work(self.work_share)
        pools = list[ReducedPool]()
        rows = problem.fit, problem.validation
        for reduction in find_dimensional_reductions(units, *rows, problem.should_stop):
            if not reduction.groups:
                yield from problem.expand(reduction, [_fit_scale(reduction, problem)], self.name)
                continue
            yield from enumerate_formulas(reduction, problem)
            yield from solve_inside(reduction, pool, self.inside, judge, self.name, problem)
            pools.append(pool.reduced[-1])
            if problem.should_stop() or judge.is_certain(pool):
                return
        candidates = [entry for entry in pools if entry.pool.structures]
        if candidates and pool.exact is None:
            yield from expand_nearest(min(candidates, key=_measure_error), self.nearest, judge, problem)


@dataclass(frozen=True)
class LawsOfGroups:
    """Laws of groups of columns that are not exact, their constants refitted to the columns.

    Attributes:
        nearest: Schedule for the laws of the closest small networks in the groups.
    """

    nearest: Sequence[Step]
    name: str = "laws of groups of columns"
    message: str = "reading a law of groups of inputs"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield the best laws of the groups; beside a settled law only those that are known."""
        is_open = judge.settles(pool) is None
        for inner in pool.reduced:
            is_known = inner.pool.best is not None
            if inner.name == VariableGroups.name and inner.pool.structures and (is_known or is_open):
                yield from expand_nearest(inner, self.nearest, judge, pool.problem)


def solve_inside(
    reduction: Reduction,
    pool: Pool,
    schedule: Sequence[Step],
    judge: Judge,
    name: str,
    problem: Problem | None = None,
) -> Iterator[Candidate]:
    """Search for laws of the groups of a reduction; yield an exact one, in the columns.

    Args:
        reduction: Of the problem.
        pool: Of the problem.
        schedule: Of the search in the groups.
        judge: Compares candidates.
        name: Of the reduction.
        problem: The problem with a limit to its work, if it has one, for this search alone.
    """
    problem = problem or pool.problem
    inside = Pool(problem.reduce(reduction, name))
    pool.reduced.append(ReducedPool(name, reduction, problem, inside))
    search(inside, schedule, judge)
    inside.problem = replace(inside.problem, callbacks=pool.problem.callbacks)
    if inside.exact is not None:
        tree = reduction.expand_law(inside.exact.tree, problem.validation.columns)
        yield problem.measure(tree, strategy=name)


def expand_nearest(
    inner: ReducedPool, nearest: Sequence[Step], judge: Judge, problem: Problem
) -> Iterator[Candidate]:
    """The best laws of a reduction in the columns; those of its closest networks if none is known."""
    if inner.pool.best is None:
        search(inner.pool, nearest, judge)
    laws = [candidate.tree for candidate in inner.pool.candidates]
    yield from problem.expand(inner.reduction, laws, inner.name)


def _measure_error(inner: ReducedPool) -> float:
    """Validation RMSE of the closest structure of a reduction, in the units of the target."""
    closest, inside = inner.pool.closest_structure, inner.pool.problem
    # An error of g is multiplied by the factor; its RMS turns that of the groups into one of the target
    factors = inner.reduction.select_factors(inner.problem.validation)
    scale = float(np.sqrt(np.mean(factors**2)))
    return float("inf") if closest is None else closest.error * inside.validation.spread * scale


def _fit_scale(reduction: Reduction, problem: Problem) -> Number:
    """The constant of a law without groups, by least squares."""
    ratios = reduction.reduce_data(problem.fit)
    return Number(float(np.average(ratios.y, weights=ratios.weights)))
