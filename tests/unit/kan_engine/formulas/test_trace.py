"""Traces of searches: what they keep, and how large they may be."""

import json
from dataclasses import asdict

import pytest

from kan_engine.formulas.trace import MAX_BYTES, SearchTrace, TraceStep


def make_step(number: int, best: str | None = "а" * 300) -> TraceStep:
    return TraceStep(
        strategy="rational",
        path=("dimensionless_groups", "power_factor"),
        seconds=1.25,
        work=1e6,
        proposed=number,
        entered=1,
        best=best,
        error=0.5,
        outcome="all candidates were tried",
    )


def test_a_trace_is_json_with_all_that_its_steps_tell() -> None:
    step = make_step(3, "a + b")
    document = json.loads(json.dumps(SearchTrace((step, TraceStep(strategy="line")), "time limit").to_dict()))
    assert (document["version"], document["ended"], document["left_out"]) == (1, "time limit", 0)
    assert document["steps"][0] == {**asdict(step), "path": [*step.path]}


def test_a_long_text_is_shortened() -> None:
    (step,) = SearchTrace((make_step(0),)).to_dict()["steps"]
    assert step["best"] == "а" * 199 + "…"


def test_a_number_that_is_not_finite_is_unknown() -> None:
    step = TraceStep(strategy="line", error=float("nan"), work=float("inf")).to_dict()
    assert (step["error"], step["work"]) == (None, None)


def test_a_large_trace_loses_its_formulas_first() -> None:
    steps = tuple(map(make_step, range(100)))
    document = SearchTrace(steps, "time limit").to_dict()
    assert len(json.dumps(document)) <= MAX_BYTES
    assert [step["best"] for step in document["steps"]] == [None] * 100
    assert document["left_out"] == 0


@pytest.mark.parametrize("count", [300, 301, 5_000])
def test_a_larger_trace_loses_its_middle_steps_and_counts_them(count: int) -> None:
    document = SearchTrace(tuple(map(make_step, range(count))), "time limit").to_dict()
    numbers = [step["proposed"] for step in document["steps"]]
    kept, first = len(numbers), (len(numbers) + 1) // 2
    assert MAX_BYTES - 1_000 < len(json.dumps(document)) <= MAX_BYTES
    assert numbers == [*range(first), *range(count - kept + first, count)]
    assert document["left_out"] == count - kept
    assert document["ended"] == "time limit"


def test_a_trace_stays_small_however_long_its_texts_are() -> None:
    steps = tuple(TraceStep(strategy="ж" * 1_000, path=("ж" * 1_000,) * 9) for _ in range(50))
    assert len(json.dumps(SearchTrace(steps, "ж" * 10**6).to_dict())) <= MAX_BYTES
