"""The search for the front in two parts, and what it takes from compact networks."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import Variable, add, call, evaluate, mul, to_json, variables
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.front_subtask import (
    FrontPart,
    predict_front,
    search_front,
    select_front_columns,
)
from kan_engine.search.subtasks import InProcess, Subtask, T
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS = 150
RNG = np.random.default_rng(0)
TABLE = {name: RNG.uniform(-1, 1, ROWS) for name in ("a", "b", "c", "d")}
WAVE = np.sin(7 * TABLE["a"]) + 0.2 * TABLE["b"] + RNG.normal(0, 0.1, ROWS)
LIMITS = SearchThresholds()
LINE = add(0.5, mul(1.5, Variable("b")))


def run_of(
    max_work: float = 3e5, *, stopped: bool = False, max_columns: int = 20, **body: Any
) -> SearchContext:
    request = request_for(seed=0, **body)
    data = prepare_data(table_of(**TABLE, y=WAVE), request)
    front = replace(LIMITS.front, max_work=max_work, max_columns=max_columns)
    config = replace(make_search_config(request), thresholds=replace(LIMITS, front=front))
    return SearchContext.create(data, config, Callbacks(should_stop=lambda: stopped))


def path_of(run: SearchContext, *used: dict[int, SymbolicEdge]) -> CompactPath:
    """Additive networks with these curves, by column."""
    networks = []
    for place, curves in enumerate(used):
        network = KAN(KANConfig(width=(len(run.names), 1)))
        layer = network.stack[0]
        layer.mask[:] = False
        for column, curve in curves.items():
            layer.mask[column, 0] = True
            layer.symbolic[column, 0] = curve
        networks.append(CompactNetwork(network=network, curve_count=place + 1, loss=0.0))
    return CompactPath(networks=tuple(networks), inputs=run.inputs, scaler=None)


def test_the_formulas_of_compact_networks_are_seeds() -> None:
    run = run_of(max_work=1.0)  # for nothing but seeds
    rows = run.data.training
    path = path_of(run, {0: SymbolicEdge("sin", 6.8 * float(run.inputs.scale[0]), 0.1, 0.9, 0.0)})
    without, read = (search_front(rows, [], each, run) for each in (None, path))
    assert min(entry.error for entry in without) > 0.9 * np.var(rows.y)
    assert min(entry.error for entry in read) < 0.1 * np.var(rows.y)


def test_a_stopped_search_has_the_formulas_of_compact_networks() -> None:
    run = run_of(stopped=True)
    path = path_of(run, {1: SymbolicEdge("x", 1.0, 0.0, 1.0, 0.0)})
    constant, line = search_front(run.data.training, [], path, run)
    assert (variables(constant.tree), variables(line.tree)) == ((), ("b",))


def test_the_first_part_is_restored_from_its_subtask() -> None:
    run = run_of()
    first = FrontPart.first([LINE], run)
    assert first is not None
    assert (first.begin, first.end) == (0.0, run.thresholds.front.first_share)
    assert first.seeds == (LINE,)
    assert FrontPart.from_input(first.to_subtask(run).input) == first


def test_the_input_of_a_subtask_is_json() -> None:
    run = run_of()
    config = replace(run.config, constraints=FormulaConstraints(frozenset({"sin"})))
    (part,) = predict_front([LINE], replace(run, config=config))
    assert json.loads(json.dumps(part.input)) == {
        "limits": {"forbidden": ["sin"], "max_complexity": None},
        "seeds": [to_json(LINE)],
        "columns": ["a", "b", "c", "d"],
        "work": [0.0, run.thresholds.front.first_share],
    }


def test_other_workers_get_nothing_to_do_where_no_formulas_will_grow() -> None:
    runs = run_of(symbolic=False), run_of(stopped=True), run_of(max_columns=3)
    assert [predict_front([LINE], run) for run in runs] == [[], [], []]


def test_the_second_part_is_no_worse_than_the_first() -> None:
    run = run_of()
    rows = run.data.training
    short = replace(run.thresholds.front, max_work=3e5 * run.thresholds.front.first_share)
    config = replace(run.config, thresholds=replace(run.thresholds, front=short))
    early = search_front(rows, [], None, replace(run, config=config))
    late = search_front(rows, [], None, run)
    assert min(entry.error for entry in late) <= min(entry.error for entry in early)


def test_where_a_formula_leaves_only_noise_the_search_ends_after_its_first_part() -> None:
    run = run_of()
    first = FrontPart.first([LINE], run)
    assert first is not None
    parts = list[float]()

    class Recorded(InProcess):
        def get_or_compute(self, part: Subtask, work: Callable[[], T], **_: Any) -> T:
            parts.append(part.input["work"][1] - part.input["work"][0])
            return work()

    search_front(run.data.training, [LINE], None, replace(run, parts=Recorded()), is_explained=True)
    assert parts == [first.end, 0.0]


def test_few_columns_are_all_variables() -> None:
    run = run_of()
    assert select_front_columns(run.data.training, None, run) == ("a", "b", "c", "d")


def test_with_many_columns_those_of_compact_networks_are_variables_small_networks_first() -> None:
    run = run_of(max_columns=2)
    line = SymbolicEdge("x", 1.0, 0.0, 1.0, 0.0)
    path = path_of(run, {3: line}, {2: line, 3: line}, {0: line, 2: line, 3: line})
    assert select_front_columns(run.data.training, path, run) == ("c", "d")


def test_relevant_columns_fill_up_those_of_compact_networks() -> None:
    run = run_of(max_columns=2)
    path = path_of(run, {3: SymbolicEdge("x", 1.0, 0.0, 1.0, 0.0)})
    assert select_front_columns(run.data.training, path, run) == ("b", "d")


def test_seeds_bring_their_own_columns() -> None:
    run = run_of(1.0, max_columns=2)
    seed = add(0.1, mul(0.2, Variable("d")))
    rows = run.data.training
    front = search_front(replace(rows, y=rows.columns["d"] ** 3), [seed], None, run)
    assert variables(front[-1].tree) == ("d",)


def test_formulas_are_defined_at_the_ends_of_columns_that_the_sample_lacks() -> None:
    run = run_of()
    rows = run.data.training
    lacks = rows[rows.columns["a"] > -0.5]  # a logarithm of a + 0.5 is defined there
    seed = add(0.1, mul(0.2, call("log", add(Variable("a"), 0.51))))
    target = np.log(lacks.columns["a"] + 0.51)
    front = search_front(replace(lacks, y=target), [seed], None, run)
    assert all(np.isfinite(evaluate(entry.tree, rows.columns)).all() for entry in front)
    assert front[-1].error < 0.1 * np.var(target)
