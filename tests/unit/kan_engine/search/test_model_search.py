"""Whole searches: the steps that they record, what they keep on the way, and the formulas at their end."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from kan_engine import Callbacks, SearchResult, find_model
from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.expressions.evaluation import Expression, count_nodes, variables
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.formulas.judge import EXACT
from kan_engine.formulas.trace import INTERRUPTED, TIME_LIMIT, TraceStep
from kan_engine.search import choice
from kan_engine.search.formulas import form
from kan_engine.search.laws import law_subtask
from kan_engine.search.subtasks import InProcess, Subtask, T
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_plan import make_plan

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, 100))
NOISE = RNG.normal(0, 0.3, 100)
LAW = A + B**2
WAVE = np.sin(2 * A) * B + np.log(B) + NOISE  # no small network represents it
CLASSES = np.where(np.sin(3 * A) * B + NOISE > 0, "yes", "no")
BRIEF: dict[str, Any] = {"network": {"hidden": [], "grid": 3}, "training": {"steps": 5}, "symbolic": False}
LIMITS = SearchThresholds()
QUICK = replace(LIMITS, front=replace(LIMITS.front, max_work=5e5))


class Recorder:
    """A search with what it says: its steps, why it ended, its messages, and what it keeps."""

    def __init__(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        self.steps, self.ends = list[TraceStep](), list[str]()
        self.messages, self.stages, self.kept = list[str](), list[str](), list[SearchResult]()
        self.callbacks = Callbacks(
            report=self.report,
            record_step=self.steps.append,
            record_end=self.ends.append,
            keep=self.kept.append,
            should_stop=should_stop,
            clock=count().__next__,  # every look at it is a second later
        )

    def report(self, stage: str, _share: float, message: str, _error: float | None = None) -> None:
        self.messages.append(message)
        if self.stages[-1:] != [stage]:
            self.stages.append(stage)

    def search(self, y: Any, parts: InProcess | None = None, **body: Any) -> SearchResult:
        request = request_for(baselines=False, seed=0, **body)
        table = table_of(a=A, b=B, y=y)
        config = replace(make_plan(table, request).config, thresholds=QUICK)
        data = prepare_data(table, request)
        return find_model(data, config, self.callbacks, parts)

    @property
    def outcomes(self) -> dict[str, str]:
        return {step.strategy: step.outcome for step in self.steps if not step.path}


def test_an_exact_law_leaves_out_what_could_only_approximate_it() -> None:
    recorder = Recorder()
    found = recorder.search(LAW)
    law = next(step for step in recorder.steps if step.strategy == "laws")
    assert law.best == "a + b**2"
    assert law.error is not None
    assert law.error < 1e-9
    assert law.proposed >= law.entered > 0
    assert law.seconds > 0
    assert recorder.outcomes["networks"] == "left out: the law explains the rows"
    assert recorder.outcomes["choice of the network"] == "all candidates proposed"
    assert recorder.outcomes["growth"] == f"left out: {EXACT}"
    assert recorder.ends == [EXACT]
    assert found.formulas[0][0].error < MAX_EXACT_ERROR
    assert recorder.messages
    assert not any("improving" in message for message in recorder.messages)


def test_the_strategies_of_the_law_search_are_steps_before_it() -> None:
    recorder = Recorder()
    recorder.search(LAW)
    names = [step.strategy for step in recorder.steps]
    assert names[:2] == ["lines", "sum of curves"]
    assert names.index("sum of curves") < names.index("laws") < names.index("networks")
    assert recorder.outcomes["enumeration"] == f"left out: {EXACT}"


def test_without_a_request_for_formulas_only_networks_are_searched() -> None:
    recorder = Recorder()
    found = recorder.search(LAW, **BRIEF)
    unwanted = "left out: formulas are not wanted"
    assert recorder.outcomes == {
        "lines": unwanted,
        "networks": "all candidates proposed",
        "choice of the network": "all candidates proposed",
        "laws": unwanted,
        "compact networks": "all candidates proposed",
        "growth": unwanted,
    }
    assert recorder.ends == ["every strategy has run"]
    assert found.formulas == []
    assert found.evidence is None


def test_each_of_three_classes_has_formulas_and_none_is_longer_than_the_first() -> None:
    recorder = Recorder()
    found = recorder.search(
        np.array(["low", "mid", "top"])[np.digitize(np.sin(3 * A) * B + NOISE, [-0.7, 0.7])]
    )
    assert len(found.formulas) == 3
    sizes = [[count_nodes(formula.tree) for formula in part] for part in found.formulas]
    assert all(part[0] == max(part) for part in sizes)
    assert max(len(set(part)) for part in sizes) > 2
    assert [step.strategy for step in recorder.steps].count("growth") == 3


def test_a_search_that_is_stopped_at_once_has_a_network_a_line_and_a_constant() -> None:
    recorder = Recorder(lambda: True)
    found = recorder.search(LAW + NOISE)
    assert recorder.outcomes["laws"] == recorder.outcomes["growth"] == f"left out: {TIME_LIMIT}"
    assert recorder.ends == [TIME_LIMIT]
    assert {count_nodes(formula.tree) == 1 for formula in found.formulas[0]} == {True, False}
    assert any("the time was over" in warning for warning in found.warnings)


def test_a_strategy_that_an_exception_ends_is_recorded_and_the_search_has_no_end() -> None:
    class Cancelled(Exception):
        pass

    def report(_stage: str, _share: float, message: str, _error: float | None = None) -> None:
        if message == "fitting a sum of curves":
            raise Cancelled

    recorder = Recorder()
    recorder.callbacks = replace(recorder.callbacks, report=report)
    with pytest.raises(Cancelled):
        recorder.search(LAW)
    assert recorder.ends == []
    steps = [(step.strategy, step.outcome) for step in recorder.steps]
    assert steps[-2:] == [("sum of curves", INTERRUPTED), ("laws", INTERRUPTED)]


@pytest.mark.parametrize(
    "y",
    [WAVE, CLASSES, np.resize(["x", "y", "z"], 100)],
    ids=["a regression", "two classes", "three classes"],
)
def test_every_search_records_that_networks_were_trained(y: np.ndarray) -> None:
    recorder = Recorder()
    recorder.search(y, **BRIEF)
    assert recorder.outcomes["networks"] == "all candidates proposed"


@pytest.mark.parametrize("y", [WAVE, CLASSES], ids=["a regression", "two classes"])
def test_the_network_is_kept_before_the_search_goes_on(y: np.ndarray) -> None:
    recorder = Recorder()
    found = recorder.search(y, **BRIEF)
    assert found.network in [each.network for each in recorder.kept]


@pytest.mark.parametrize(
    ("y", "least"), [(np.round(WAVE, 1), 6), (CLASSES, 4)], ids=["a regression", "two classes"]
)
def test_a_table_without_a_law_has_several_formulas_down_to_a_constant(y: np.ndarray, least: int) -> None:
    calls, recorder = count(), Recorder()
    # The clock counts its calls, so that the parts of the search end early and equally
    recorder.callbacks = replace(recorder.callbacks, clock=lambda: 0.1 * next(calls))
    found = recorder.search(y, max_seconds=2)
    formulas = [formula for formula in found.formulas[0] if np.isfinite(formula.error)]
    assert len({count_nodes(formula.tree) for formula in formulas}) >= least
    assert any(not variables(formula.tree) for formula in formulas)


@pytest.mark.parametrize(
    ("y", "body"),
    [(WAVE, {}), (LAW + NOISE, {}), (WAVE, {"form": "k*sin(w*a)"})],
    ids=["no law", "a law", "a form"],
)
def test_the_evidence_for_a_formula_is_collected_once(
    y: np.ndarray, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assessed, collect = list[Expression](), choice.assess_formula

    def count_and_collect(formula: Formula, *args: Any, **options: Any) -> FormulaEvidence:
        assessed.append(formula.tree)
        return collect(formula, *args, **options)

    for module in (choice, form, law_subtask):
        monkeypatch.setattr(module, "assess_formula", count_and_collect)
    found = Recorder().search(y, **body)
    assert found.evidence is not None
    assert len(set(assessed)) == len(assessed) > 0
    shown = 3  # the law, the first formula when the network was chosen, and the first one of all
    assert len(assessed) <= shown + len(body)


def test_no_stage_of_a_search_begins_again() -> None:
    recorder = Recorder()
    recorder.search(WAVE)
    assert recorder.stages == ["structure", "train", "compact", "symbolic"]


def test_other_workers_may_begin_the_growth_while_networks_are_trained() -> None:
    announced, computed = set[str](), list[str]()

    class Announced(InProcess):
        def prefetch(self, probable: Callable[[], Sequence[Subtask]]) -> AbstractContextManager[None]:
            announced.update(part.key for part in probable())
            return nullcontext()

        def get_or_compute(self, part: Subtask, work: Callable[[], T], **_: Any) -> T:
            if part.name == "front":
                computed.append(part.key)
            return work()

    Recorder().search(WAVE, Announced())
    assert computed[0] in announced
