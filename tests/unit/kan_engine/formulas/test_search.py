"""The loop: strategies in order, each once, unless a condition holds; what happened is traced."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Number, Variable, add, mul
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.judge import EXACT, NOISE, Judge
from kan_engine.formulas.pool import Pool, ReducedPool
from kan_engine.formulas.problem import FormulaSettings, Problem
from kan_engine.formulas.reductions.strategies import LawsOfGroups, VariableGroups, solve_inside
from kan_engine.formulas.schedule import FIRST, is_settled
from kan_engine.formulas.search import Step, search
from kan_engine.formulas.trace import TIME_LIMIT, TraceStep

X = Variable("x")
LINE, LAW = mul(Number(2.1), X), add(mul(2, X), 1)  # a line that is nearly right, and the law


def make_problem(noise: float = 0.0, **settings: object) -> tuple[Problem, list[TraceStep]]:
    """A line in one column, and the steps of its search."""
    generator, steps = np.random.default_rng(0), list[TraceStep]()
    x = generator.uniform(-1, 1, 80)
    rows = LabelledRows.from_columns({"x": x}, 2 * x + 1 + noise * generator.normal(size=80))
    callbacks = Callbacks(record_step=steps.append)
    problem = Problem.create(
        rows[:60],
        rows[60:],
        settings=FormulaSettings(**settings),
        callbacks=callbacks,  # type: ignore[arg-type]
    )
    return problem, steps


@dataclass(frozen=True)
class Given:
    """Proposes given formulas."""

    name: str
    trees: tuple[Expression, ...]
    message: str = "proposing"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        for tree in self.trees:
            yield pool.problem.measure(tree, strategy=self.name)


def outcomes(steps: list[TraceStep]) -> dict[str, str]:
    return {step.strategy: step.outcome for step in steps}


def test_a_law_leaves_out_the_strategies_that_look_for_one() -> None:
    problem, steps = make_problem()
    pool = Pool(problem)
    schedule = [
        Step(Given("first", (LINE, LAW, X)), (is_settled,)),
        Step(Given("second", (X,)), (is_settled,)),
    ]
    search(pool, schedule, Judge())
    assert pool.exact is not None
    assert pool.exact.tree == LAW
    assert outcomes(steps) == {"first": EXACT, "second": f"left out: {EXACT}"}
    assert [(step.proposed, step.entered) for step in steps] == [(2, 2), (0, 0)]


def test_a_strategy_without_conditions_runs_beside_a_law() -> None:
    problem, steps = make_problem()
    pool = Pool(problem)
    search(pool, [Step(Given("law", (LAW,)), (is_settled,)), Step(Given("others", (LINE, X)))], Judge())
    assert steps[1].proposed == 2
    assert {each.strategy for each in pool.candidates} == {"law", "others"}


def test_each_strategy_runs_once_however_often_it_is_scheduled() -> None:
    problem, steps = make_problem()
    step = Step(Given("line", (LINE,)))
    search(Pool(problem), [step, step], Judge())
    assert [step.strategy for step in steps] == ["line"]


def test_a_strategy_can_be_switched_off_by_its_name() -> None:
    problem, _ = make_problem(without=frozenset({"law"}))
    pool = Pool(problem)
    search(pool, [Step(Given("law", (LAW,))), Step(Given("line", (LINE,)))], Judge())
    assert [each.tree for each in pool.candidates] == [LINE]


def test_a_stopped_search_keeps_what_it_has_and_says_where_it_stopped() -> None:
    problem, steps = make_problem()
    pool = Pool(problem)
    search(pool, [Step(Given("line", (LINE,)))], Judge())
    pool.problem = replace(problem, callbacks=replace(problem.callbacks, should_stop=lambda: True))
    search(pool, [Step(Given("law", (LAW,)))], Judge())
    assert [each.tree for each in pool.candidates] == [LINE]
    assert steps[-1].outcome == "left out: time limit"


def test_a_search_ends_after_its_work_whatever_the_clock_says() -> None:
    problem, steps = make_problem(noise=0.1)
    limited = replace(problem.callbacks, clock=lambda: 0.0).limit_work(0.01)
    search(Pool(replace(problem, callbacks=limited)), [Step(FIRST), Step(Given("second", (LAW,)))], Judge())
    assert outcomes(steps) == {"sum of curves": "time limit", "second": "left out: time limit"}
    assert steps[0].work is not None
    assert steps[0].work > 0.01


def test_the_search_inside_a_reduction_has_its_own_limit_and_what_follows_has_none() -> None:
    problem, steps = make_problem()
    pool, schedule = Pool(problem), [Step(Given("inside", (LINE,)))]
    whole = Reduction(groups={"x": X})
    for limited in (None, problem.limit_work(-1.0)):
        list(solve_inside(whole, pool, schedule, Judge(), "groups", limited))
    assert [(step.path, step.outcome) for step in steps] == [
        (("groups",), "all candidates proposed"),
        (("groups",), f"left out: {TIME_LIMIT}"),
    ]
    assert [reduced.pool.problem.should_stop() for reduced in pool.reduced] == [False, False]


def test_a_formula_enters_the_pool_once() -> None:
    problem, _ = make_problem()
    pool = Pool(problem)
    assert pool.add(problem.measure(LINE, strategy="a"))
    assert not pool.add(problem.measure(LINE, strategy="b"))
    assert [each.strategy for each in pool.candidates] == ["a"]


def test_of_two_ways_to_write_a_formula_the_shorter_is_kept() -> None:
    problem, _ = make_problem(noise=0.1)
    pool = Pool(problem)
    longer = add(mul(Number(1.5), add(X, X)), mul(-1, X), 1)
    assert pool.add(problem.measure(longer, strategy="longer"))
    assert pool.add(problem.measure(LAW, strategy="shorter"))
    assert not pool.add(problem.measure(longer, strategy="longer"))
    assert [each.strategy for each in pool.candidates] == ["shorter"]


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_a_formula_that_leaves_only_noise_settles_a_noisy_table(noise: float) -> None:
    problem, _ = make_problem(noise)
    pool, judge = Pool(problem), Judge()
    pool.add(problem.measure(mul(Number(0.5), X), strategy="poor"))
    assert judge.settles(pool) is None
    pool.add(problem.measure(LAW, strategy="law"))
    assert judge.settles(pool) == "a formula that leaves only noise"


def test_the_laws_of_groups_are_compared_with_a_settled_law_but_not_searched_beside_it() -> None:
    class Settled(Judge):
        def settles(self, *_: object) -> str:
            return NOISE

    problem, _ = make_problem(0.01)
    pool, twice = Pool(problem), Reduction(groups={"u": mul(2, X)})
    inside, nearest = Pool(problem.reduce(twice, VariableGroups.name)), Step(Given("nearest", (Number(1),)))
    pool.reduced.append(ReducedPool(VariableGroups.name, twice, problem, inside))
    fitted = Pool(inside.problem)
    search(fitted, [Step(FIRST)], Judge())
    inside.structures.extend(fitted.structures)
    assert not list(LawsOfGroups([nearest]).propose(pool, Settled()))
    inside.add(inside.problem.measure(add(Variable("u"), 1), strategy="law of one variable"))
    assert [each.tree for each in LawsOfGroups([nearest]).propose(pool, Settled())] == [LAW]
