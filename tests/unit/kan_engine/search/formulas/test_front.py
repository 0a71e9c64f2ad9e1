"""The front of formulas of a search, and which formula ranks first."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Any, TypeVar

import numpy as np
import pytest

from kan_engine import KAN, Formula, FormulaConstraints, KANConfig, SearchResult, find_model
from kan_engine.assessment.formula_evidence import FormulaEvidence
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
    to_json,
    variables,
)
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.strategies.growth.entry import Entry
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.front import _list_closer, add_front, predict_front
from kan_engine.search.formulas.front_subtask import run_front_subtask, search_front
from kan_engine.search.subtasks import InProcess, Subtask
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.networks import random_network
from tests.support.tables import request_for, table_of
from worker.data.preparation import prepare_data
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

T = TypeVar("T")

ROWS = 150
RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, ROWS))
NOISE = RNG.normal(0, 0.3, ROWS)
WAVE = np.sin(2 * A) * B + np.log(B) + NOISE  # no small network represents it
LIMITS = SearchThresholds()
QUICK = replace(LIMITS, front=replace(LIMITS.front, max_work=5e5))
CONSISTENT = FormulaEvidence(
    noise=0.1,
    explained=0.9,
    rows=100,
    non_structural_constants=1,
    compared_with={},
    beats_constant=True,
    stability=1.0,
)
LINE = add(0.1, mul(0.5, Variable("b")))


def run_of(
    y: Any,
    *,
    parts: InProcess | None = None,
    limits: FormulaConstraints | None = None,
    thresholds: SearchThresholds = QUICK,
    callbacks: Callbacks = Callbacks(),  # noqa: B008 - immutable
    **body: Any,
) -> SearchContext:
    data = prepare_data(table_of(a=A, b=B, y=y), request_for(**{"seed": 0, **body}))
    config = make_search_config(data.plan.request)
    config = replace(config, constraints=limits or FormulaConstraints(), thresholds=thresholds)
    return SearchContext.create(data, config, callbacks, parts)


def found_in(run: SearchContext, *formulas: Formula, **known: Any) -> SearchResult:
    network = KAN(KANConfig(width=(2, run.data.output_count)))
    found = SearchResult(network=network, judged=network, inputs=run.inputs, scaler=None, **known)
    return replace(found, formulas=[list(formulas)] if formulas else [])


def trees(found: SearchResult) -> list[Expression]:
    return [formula.tree for formula in found.formulas[0]]


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


def test_a_result_without_formulas_gets_a_front_from_a_constant_up() -> None:
    run = run_of(WAVE)
    found = add_front(found_in(run), [], run)
    by_size = sorted(found.formulas[0], key=lambda formula: count_nodes(formula.tree))
    assert variables(by_size[0].tree) == ()
    assert len(by_size) > 5
    assert by_size[-1].error < 0.8 * by_size[0].error
    assert found.formula_of == "law"


def test_like_terms_are_collected_in_formulas_of_the_front() -> None:
    run, a, b = run_of(np.sin(1.3 * A + 0.6 * A * B - 0.7) + NOISE / 3), Variable("a"), Variable("b")
    phase = add(a, mul(0.3, a), mul(0.6, a, b), -0.7)
    found = add_front(found_in(run), [call("sin", phase)], run)
    first = found.formulas[0][0].tree
    assert list_functions(first) == {"sin"}
    assert to_text(first).count("a") <= 2
    columns = {"a": A, "b": B}
    assert all(count_nodes(simplify(tree, columns)) >= count_nodes(tree) for tree in trees(found))


def test_the_first_formula_is_the_shortest_that_is_no_worse_than_the_best() -> None:
    run = run_of(2 * A * B + NOISE)
    found = add_front(found_in(run), [], run)
    first, *others = found.formulas[0]
    assert set(variables(first.tree)) == {"a", "b"}
    assert first.error < 1.05 * min(formula.error for formula in others)
    shorter = [formula for formula in others if count_nodes(formula.tree) < count_nodes(first.tree)]
    assert min(formula.error for formula in shorter) > first.error
    assert found.evidence is not None
    assert len(found.formula_errors) == len(run.data.training)


def test_an_exact_law_gets_no_front() -> None:
    run = run_of(2 * A * B)
    exact = found_in(run, Formula(mul(2.0, Variable("a"), Variable("b")), 1e-16))
    assert add_front(exact, [], run) is exact


def test_without_a_request_for_formulas_there_is_no_front() -> None:
    run = run_of(WAVE, symbolic=False)
    assert add_front(found_in(run), [], run).formulas == []
    assert predict_front(None, run) == []


def test_many_classes_get_no_front() -> None:
    run = run_of(np.resize(["x", "y", "z"], ROWS))
    assert add_front(found_in(run), [], run).formulas == []


def test_two_classes_get_a_front_of_the_log_odds() -> None:
    run = run_of(np.where(A + NOISE > 1.5, "yes", "no"))
    network = random_network((2, 1))
    found = add_front(replace(found_in(run), network=network, judged=network), [], run)
    constant = min(trees(found), key=count_nodes)
    share = np.mean(run.data.training.y)
    assert evaluate(constant, {"a": A}) == pytest.approx(np.log(share / (1 - share)), rel=0.02)
    assert len(found.formulas[0]) > 5
    assert found.evidence is None
    assert len(found.formula_errors) == 0


def test_a_consistent_formula_stays_first() -> None:
    run = run_of(2 * A * B + NOISE)
    known = Formula(mul(2.0, Variable("a"), Variable("b")), 0.1)
    assert CONSISTENT.verdict == "consistent"
    found = add_front(found_in(run, known, evidence=CONSISTENT), [], run)
    assert trees(found)[0] == known.tree
    assert found.evidence is CONSISTENT
    assert len(found.formulas[0]) > 1


def test_a_consistent_formula_makes_room_for_a_shorter_one_that_is_as_accurate() -> None:
    run = run_of(2 * A * B + NOISE)
    slope = add(Number(Fraction(1, 20)), mul(2.0, Variable("a")))
    known = Formula(add(Number(Fraction(1, 20)), mul(slope, Variable("b"))), 0.1)
    found = add_front(found_in(run, known, evidence=CONSISTENT), [known.tree], run)
    assert count_nodes(trees(found)[0]) < count_nodes(known.tree)
    assert found.evidence is not None
    assert found.evidence.stability == CONSISTENT.stability


def test_a_consistent_formula_makes_room_for_a_far_better_one() -> None:
    run = run_of(A + 2 * B)
    known = Formula(add(Variable("a"), mul(1.9, Variable("b"))), 0.1)
    found = add_front(found_in(run, known, evidence=CONSISTENT), [known.tree], run)
    assert found.formulas[0][0].error < 1e-6


def test_long_formulas_that_fit_noise_are_left_out() -> None:
    run = run_of(A / B + NOISE, thresholds=replace(LIMITS, front=replace(LIMITS.front, max_work=3e6)))
    first, *others = add_front(found_in(run), [], run).formulas[0]
    assert count_nodes(first.tree) <= 9
    front = search_front(run.data.training, [], None, run, is_explained=False)
    lowest = min(entry.error for entry in front) ** 0.5 / float(np.std(run.data.training.y))
    assert lowest < first.error  # by chance
    assert min(formula.error for formula in others) > first.error


@pytest.mark.parametrize(("gains", "kept"), [([0.0], []), ([0.5], [1]), ([0.001, 0.5, 0.501], [2])])
def test_longer_formulas_follow_where_each_is_clearly_better(gains: list[float], kept: list[int]) -> None:
    rows = run_of(WAVE).data.training
    first, *others = np.random.default_rng(0).uniform(0, 1, (1 + len(gains), len(rows)))
    noise = [other - other.mean() for other in others]
    losses = [first, *(first - gain + 0.1 * own for gain, own in zip(gains, noise, strict=True))]
    front = [Entry(Variable("a"), 1, float(own.mean()), 0.0, own, own) for own in losses]
    assert _list_closer(front, 0, rows, 2.0) == kept


def test_a_worse_formula_does_not_stay_first() -> None:
    run = run_of(WAVE)
    found = add_front(found_in(run, Formula(LINE, 0.9)), [LINE], run)
    assert trees(found)[0] != LINE


def test_a_formula_that_stays_has_its_error_on_the_rows_of_the_front() -> None:
    run = run_of(2 * A * B + NOISE)
    known = Formula(mul(2.0, Variable("a"), Variable("b")), 123.0)
    found = add_front(found_in(run, known, evidence=CONSISTENT), [], run)
    assert found.formulas[0][0].error == pytest.approx(found.formulas[0][1].error, rel=0.2)


def test_constraints_hold_for_the_front() -> None:
    limits = FormulaConstraints(frozenset({"sin", "cos", "log"}), max_complexity=9)
    run = run_of(WAVE, limits=limits)
    formulas = add_front(found_in(run), [], run).formulas[0]
    assert max(formula.complexity for formula in formulas) <= 9
    assert not any(limits.forbidden & list_functions(formula.tree) for formula in formulas)


def test_a_stopped_search_has_a_constant_and_its_seeds() -> None:
    run = run_of(WAVE, callbacks=Callbacks(should_stop=lambda: True))
    found = add_front(found_in(run), [LINE], run)
    assert {count_nodes(tree) for tree in trees(found)} == {1, count_nodes(LINE)}


def test_a_front_from_a_finished_subtask_equals_the_computed_one() -> None:
    seeds = [add(0.5, mul(1.5, call("sin", mul(1.9, Variable("a")))))]
    run = run_of(WAVE)
    law = found_in(run, *(Formula(tree, 0.5) for tree in seeds))
    (part,) = predict_front(law, run)
    stored = StoredSubtasks()
    run_front_subtask(replace(run, parts=stored), part.input)
    assert set(stored.results) == {part.key}
    loaded, computed = (
        add_front(found_in(each), seeds, each) for each in (replace(run, parts=stored), run_of(WAVE))
    )
    assert stored.loaded == ["front"]
    assert loaded.formulas == computed.formulas
    assert loaded.evidence == computed.evidence


def test_the_input_of_a_subtask_is_json() -> None:
    run = run_of(WAVE, limits=FormulaConstraints(frozenset({"sin"})))
    law = found_in(run, Formula(LINE, 0.5))
    (part,) = predict_front(law, run)
    assert json.loads(json.dumps(part.input)) == {
        "limits": {"forbidden": ["sin"], "max_complexity": None},
        "seeds": [to_json(LINE)],
        "columns": ["a", "b"],
        "work": [0.0, QUICK.front.first_share],
    }


def test_an_exact_law_needs_no_subtask() -> None:
    run = run_of(2 * A * B)
    assert predict_front(found_in(run, Formula(LINE, 1e-16)), run) == []


def test_many_rows_refine_the_constants_of_the_front() -> None:
    few = replace(QUICK, front=replace(QUICK.front, max_rows=40))
    run = run_of(2 * A * B + NOISE, thresholds=few)
    formula = add_front(found_in(run), [], run).formulas[0][0]
    columns = {"a": A, "b": B}
    slope = np.polyfit(A * B, evaluate(formula.tree, columns), 1)[0]
    assert slope == pytest.approx(2, abs=0.1)


def test_weights_hold_for_the_constants_that_many_rows_refine() -> None:
    few = replace(QUICK, front=replace(QUICK.front, max_rows=40))
    is_heavy = np.median(B) < B
    run = run_of(np.where(is_heavy, 2 * A, 5 - A) + 0.1 * NOISE, thresholds=few, features=["a"])
    rows = run.data.rows
    heavy = np.isin(rows.x[:, 0], A[is_heavy])
    rows = replace(rows, weights=np.where(heavy, 1.0, 1e-6))
    run = replace(run, data=replace(run.data, rows=rows))
    found = add_front(found_in(run), [], run)
    line = min((f for f in found.formulas[0] if count_nodes(f.tree) <= 5), key=lambda f: f.error)
    slope = np.polyfit(A, evaluate(line.tree, {"a": A}), 1)[0]
    assert slope == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("y", [np.zeros(ROWS), NOISE - NOISE.mean()], ids=["zeros", "a mean of zero"])
def test_a_constant_that_is_a_rounding_error_is_zero(y: np.ndarray) -> None:
    run = run_of(y, split={"kind": "none"})
    found = add_front(found_in(run), [], run)
    assert min(trees(found), key=count_nodes) == ZERO


def test_progress_of_the_front_is_reported() -> None:
    reports: list[tuple[str, float, str, float | None]] = []

    def report(stage: str, share: float, message: str, error: float | None = None) -> None:
        reports.append((stage, share, message, error))

    run = run_of(WAVE, callbacks=Callbacks(report=report))
    add_front(found_in(run), [], run)
    shares = [share for _, share, _, _ in reports]
    assert {stage for stage, _, _, _ in reports} == {"symbolic"}
    assert shares == sorted(shares)
    assert reports[-1][3] is not None
    assert reports[-1][3] < 1


def make_clock() -> Callbacks:
    """The callbacks of a search whose clock counts its calls, so that its parts end early and equally."""
    calls = count()
    return Callbacks(clock=lambda: 0.1 * next(calls), should_stop=lambda: False)


@pytest.mark.parametrize(
    "y",
    [np.round(WAVE, 1), np.where(np.sin(3 * A) * B + NOISE > 0, "yes", "no")],
    ids=["a regression", "two classes"],
)
def test_a_table_without_a_law_has_a_front_of_six_formulas(y: np.ndarray) -> None:
    data = prepare_data(table_of(a=A, b=B, y=y), request_for(max_seconds=2, seed=0))
    found = find_model(data, replace(make_search_config(data.plan.request), thresholds=QUICK), make_clock())
    front = [formula for formula in found.formulas[0] if np.isfinite(formula.error)]
    assert len({count_nodes(formula.tree) for formula in front}) >= 6
    assert min(count_nodes(formula.tree) for formula in front) == 1


def test_a_search_that_finds_an_exact_law_has_no_front_search() -> None:
    parts, messages = StoredSubtasks(), list[str]()
    data = prepare_data(table_of(a=A, b=B, y=2 * A + np.log(B)), request_for(max_seconds=5, seed=0))
    config = replace(make_search_config(data.plan.request), thresholds=QUICK)
    callbacks = Callbacks(report=lambda _stage, _share, message, _error=None: messages.append(message))
    found = find_model(data, config, callbacks, parts)
    assert found.formulas[0][0].error < LIMITS.max_exact_error
    assert messages
    assert not any("improving" in message for message in messages)
