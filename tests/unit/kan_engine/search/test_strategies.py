"""What the strategies of a table propose: lines, sums of few terms, and the growth of formulas."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest

from kan_engine import KAN, FormulaConstraints, KANConfig, SearchResult, to_text
from kan_engine.expressions.constraints import list_functions
from kan_engine.expressions.evaluation import (
    ZERO,
    Expression,
    Variable,
    add,
    call,
    count_nodes,
    evaluate,
    mul,
    variables,
)
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.search import Step, search
from kan_engine.formulas.trace import TraceStep
from kan_engine.search.context import SearchContext, make_problem
from kan_engine.search.formulas.front_subtask import predict_front, run_front_subtask
from kan_engine.search.formulas.log_odds import make_log_odds_problem
from kan_engine.search.members import LAWS, Members
from kan_engine.search.schedule import FORMULAS
from kan_engine.search.strategies import Growth, Laws, Lines, TableStrategy
from kan_engine.search.subtasks import InProcess, Subtask
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.networks import random_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

T = TypeVar("T")

ROWS = 150
RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, ROWS))
NOISE = RNG.normal(0, 0.3, ROWS)
WAVE = np.sin(2 * A) * B + np.log(B) + NOISE
CLASSES = np.where(A + NOISE > 1.5, "yes", "no")
LIMITS = SearchThresholds()
QUICK = replace(LIMITS, front=replace(LIMITS.front, max_work=5e5))
LINE = add(0.1, mul(0.5, Variable("b")))
SINE = add(0.5, mul(1.5, call("sin", mul(1.9, Variable("a")))))


def run_of(
    y: Any,
    *,
    parts: InProcess | None = None,
    limits: FormulaConstraints | None = None,
    thresholds: SearchThresholds = QUICK,
    callbacks: Callbacks = Callbacks(),  # noqa: B008 - immutable
    **body: Any,
) -> SearchContext:
    request = request_for(**{"seed": 0, **body})
    data = prepare_data(table_of(a=A, b=B, y=y), request)
    config = make_search_config(request)
    config = replace(config, constraints=limits or FormulaConstraints(), thresholds=thresholds)
    return SearchContext.create(data, config, callbacks, parts)


def propose(kind: type[TableStrategy], run: SearchContext, *laws: Expression) -> Pool:
    """What a strategy adds to a pool with these laws."""
    network = random_network((2, 1)) if run.data.classes else KAN(KANConfig(width=(2, 1)))
    accurate = SearchResult(network=network, judged=network, inputs=run.inputs, scaler=None)
    is_number = run.data.classes is None
    pool = Pool(make_problem(run) if is_number else make_log_odds_problem(network, run.inputs, run))
    for tree in laws:
        pool.add(pool.problem.measure(tree, strategy=LAWS))
    search(pool, [Step(kind(run, Members(accurate=accurate)), FORMULAS, is_whole=True)], Judge())
    return pool


def texts(pool: Pool) -> list[str]:
    return [to_text(each.tree) for each in pool.candidates]


class StoredSubtasks(InProcess):
    """Keeps the results of subtasks as bytes, as another worker would."""

    def __init__(self) -> None:
        self.results = dict[str, bytes]()
        self.loaded = list[str]()

    def get_or_compute(
        self, part: Subtask, work: Callable[[], T], *, write: Callable[[T], bytes], read: Callable[[bytes], T]
    ) -> T:
        if part.key in self.results:
            self.loaded.append(part.name)
            return read(self.results[part.key])
        found = work()
        self.results[part.key] = write(found)
        return found


def test_lines_are_a_constant_and_a_line() -> None:
    pool = propose(Lines, run_of(2 * A - 3 * B + NOISE))
    line, constant = (each.tree for each in pool.candidates)
    assert (variables(line), variables(constant)) == (("a", "b"), ())
    np.testing.assert_allclose(evaluate(line, {"a": A, "b": B}), 2 * A - 3 * B, atol=0.3)


def test_a_skewed_target_also_has_the_exponential_of_a_line() -> None:
    pool = propose(Lines, run_of(np.exp(1.5 * A - 2 * B + 2 * NOISE)))
    assert [text for text in texts(pool) if text.startswith("exp(")]


def test_two_classes_have_the_log_odds_of_their_shares_at_least() -> None:
    run = run_of(CLASSES)
    constant = min(propose(Lines, run).candidates, key=lambda each: each.complexity)  # not of the network
    share = np.mean(run.data.training.y)
    assert evaluate(constant.tree, {"a": A}) == pytest.approx(np.log(share / (1 - share)), rel=0.01)


@pytest.mark.parametrize("y", [np.zeros(ROWS), NOISE - NOISE.mean()], ids=["zeros", "a mean of zero"])
def test_a_constant_that_is_a_rounding_error_is_zero(y: np.ndarray) -> None:
    pool = propose(Lines, run_of(y, split={"kind": "none"}))
    assert min((each.tree for each in pool.candidates), key=count_nodes) == ZERO


def test_weights_of_errors_that_grow_with_the_target_hold_for_all_formulas_of_the_table() -> None:
    generator, store = np.random.default_rng(0), StoredSubtasks()
    distance = np.exp(generator.uniform(0, 9, 20))
    force = 6.5 / distance**2 * (1 + 0.1 * generator.normal(size=20))
    table, request = table_of(distance=distance, force=force), request_for(target="force", seed=0)
    data = prepare_data(table, request)
    pools = list[Pool]()
    for _ in range(2):  # computed, then loaded
        run = SearchContext.create(data, make_search_config(request), parts=store)
        pools.append(pool := Pool(make_problem(run)))
        steps = [Step(kind(run, Members()), FORMULAS, is_whole=True) for kind in (Lines, Laws)]
        search(pool, steps, Judge())
    assert store.loaded == ["law"]
    assert texts(pools[0]) == texts(pools[1])
    assert texts(pools[0])[0].endswith("/distance**2")
    problem = pools[0].problem
    shares = problem.rows.weights / problem.rows.columns["distance"] ** 4
    np.testing.assert_allclose(shares, shares[0], rtol=0.1)  # of the formula that showed the growth
    for each in pools[0].candidates:
        assert each.bits == problem.measure(each.tree, strategy="").bits


def test_growth_has_formulas_of_many_sizes_whose_errors_fall() -> None:
    by_size = sorted(propose(Growth, run_of(WAVE)).candidates, key=lambda each: count_nodes(each.tree))
    assert len(by_size) > 5
    assert all(variables(each.tree) for each in by_size)
    assert by_size[-1].error < 0.9 * by_size[0].error
    assert {each.selection_bits for each in by_size} == {10.0}


def test_growth_finds_a_law_that_describes_the_rows_most_shortly() -> None:
    pool = propose(Growth, run_of(2 * A * B + NOISE))
    (first, *_), columns = Judge().rank(pool), {"a": A, "b": B}
    assert set(variables(first.tree)) == {"a", "b"}
    np.testing.assert_allclose(evaluate(first.tree, columns), 2 * A * B, atol=0.5)


def test_growth_improves_a_law() -> None:
    run = run_of(WAVE, thresholds=replace(QUICK, front=replace(QUICK.front, max_work=1.0)))
    alone, improved = propose(Growth, run), propose(Growth, run, SINE)
    assert "sin" not in {name for each in alone.candidates for name in list_functions(each.tree)}
    assert any(
        each.strategy == "growth" and "sin" in list_functions(each.tree) for each in improved.candidates
    )


def test_like_terms_are_collected_in_grown_formulas() -> None:
    run, a, b = run_of(np.sin(1.3 * A + 0.6 * A * B - 0.7) + NOISE / 3), Variable("a"), Variable("b")
    phase = add(a, mul(0.3, a), mul(0.6, a, b), -0.7)
    grown = [
        each for each in Judge().rank(propose(Growth, run, call("sin", phase))) if each.strategy == "growth"
    ]
    assert list_functions(grown[0].tree) == {"sin"}
    assert to_text(grown[0].tree).count("a") <= 2
    columns = {"a": A, "b": B}
    assert all(count_nodes(simplify(each.tree, columns)) >= count_nodes(each.tree) for each in grown)


def test_grown_formulas_that_fit_noise_are_not_shown() -> None:
    run = run_of(A / B + NOISE, thresholds=replace(LIMITS, front=replace(LIMITS.front, max_work=1e6)))
    pool = propose(Growth, run)
    first, *others = Judge().rank(pool)
    size = count_nodes(first.tree)
    assert size <= 9
    assert all(count_nodes(each.tree) < size for each in others)
    assert any(count_nodes(each.tree) > size for each in pool.candidates)


def test_constraints_hold_for_grown_formulas() -> None:
    limits = FormulaConstraints(frozenset({"sin", "cos", "log"}), max_complexity=9)
    pool = propose(Growth, run_of(WAVE, limits=limits))
    assert max(each.complexity for each in pool.candidates) <= 9
    assert not any(limits.forbidden & list_functions(each.tree) for each in pool.candidates)


def test_the_log_odds_of_two_classes_grow() -> None:
    assert len(propose(Growth, run_of(CLASSES)).candidates) > 5


def test_growth_that_the_time_limit_ends_keeps_what_it_found() -> None:
    reports, steps = list[str](), list[TraceStep]()
    callbacks = Callbacks(
        report=lambda _stage, _share, message, _error=None: reports.append(message),
        record_step=steps.append,
        should_stop=lambda: len(reports) > 5,
    )
    pool = propose(Growth, run_of(WAVE, callbacks=callbacks))
    assert steps[-1].outcome == "time limit"
    assert len(pool.candidates) > 5


def test_without_a_request_for_formulas_nothing_grows() -> None:
    assert propose(Growth, run_of(WAVE, symbolic=False)).candidates == []


def test_growth_from_a_finished_subtask_equals_the_computed_one() -> None:
    run = run_of(WAVE)
    (part,) = predict_front([SINE], run)
    stored = StoredSubtasks()
    run_front_subtask(replace(run, parts=stored), part.input)
    assert set(stored.results) == {part.key}
    loaded, computed = (propose(Growth, each, SINE) for each in (replace(run, parts=stored), run_of(WAVE)))
    assert stored.loaded == ["front"]
    assert loaded.candidates == computed.candidates


def test_progress_of_growth_is_reported() -> None:
    reports: list[tuple[str, float, str, float | None]] = []

    def report(stage: str, share: float, message: str, error: float | None = None) -> None:
        reports.append((stage, share, message, error))

    propose(Growth, run_of(WAVE, callbacks=Callbacks(report=report)))
    shares = [share for _, share, _, _ in reports]
    assert shares == sorted(shares)
    assert reports[-1][0] == "symbolic"
    assert reports[-1][3] is not None
    assert reports[-1][3] < 1
