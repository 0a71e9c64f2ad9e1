"""The steps that a model search records."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from kan_engine import Callbacks, find_model
from kan_engine.formulas.trace import TraceStep
from tests.support.tables import request_for, table_of
from worker.data.preparation import prepare_data
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, 100))
LAW = A + B**2
BRIEF: dict[str, Any] = {"network": {"hidden": [], "grid": 3}, "training": {"steps": 5}, "symbolic": False}


class Recorder:
    """The steps of a search, and why it ended."""

    def __init__(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        self.steps, self.ends = list[TraceStep](), list[str]()
        self.callbacks = Callbacks(
            record_step=self.steps.append,
            record_end=self.ends.append,
            should_stop=should_stop,
            clock=count().__next__,  # every look at it is a second later
        )

    def search(self, y: Any, **body: Any) -> dict[str, TraceStep]:
        request = request_for(baselines=False, **body)
        data = prepare_data(table_of(a=A, b=B, y=y), request)
        find_model(data, make_search_config(request), self.callbacks)
        return {step.strategy: step for step in self.steps}


def test_an_exact_law_leaves_out_what_could_only_approximate_it() -> None:
    recorder = Recorder()
    steps = recorder.search(LAW)
    law = steps["law_search"]
    assert (law.best, law.outcome) == ("a + b**2", "a law exact to rounding error")
    assert law.error is not None
    assert law.error < 1e-9
    assert law.proposed >= law.entered > 0
    assert law.seconds > 0
    outcomes = {name: step.outcome for name, step in steps.items()}
    assert outcomes["networks"] == "left out: the law explains the rows"
    assert outcomes["sparse_sums"] == outcomes["growth"] == "left out: a law exact to rounding error"
    assert recorder.ends == ["a law exact to rounding error"]


def test_the_trials_of_a_stage_are_its_candidates() -> None:
    recorder = Recorder()
    steps = recorder.search(LAW, **BRIEF)
    assert [step.strategy for step in recorder.steps] == [
        "networks",
        "compact_curves",
        "sparse_sums",
        "growth",
    ]
    assert (steps["networks"].entered, steps["networks"].best) == (1, None)
    assert steps["networks"].proposed >= 1
    assert steps["growth"].outcome == "left out: not requested"
    assert recorder.ends == ["every strategy has run"]


def test_a_stage_that_the_time_limit_cuts_says_so() -> None:
    recorder = Recorder(lambda: True)
    steps = recorder.search(LAW + RNG.normal(0, 0.5, 100))
    assert steps["networks"].outcome == "time limit"
    assert recorder.ends == ["time limit"]


def test_a_stage_that_an_exception_ends_is_recorded_and_the_search_has_no_end() -> None:
    class Cancelled(Exception):
        pass

    def stop() -> bool:
        raise Cancelled

    recorder = Recorder(stop)
    with pytest.raises(Cancelled):
        recorder.search(LAW)
    assert [(step.strategy, step.outcome) for step in recorder.steps] == [("law_search", "interrupted")]
    assert recorder.ends == []
