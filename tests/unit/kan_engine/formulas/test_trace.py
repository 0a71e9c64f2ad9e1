"""Traces of searches: what they keep, and how large they may be."""

import json

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


def test_a_trace_reads_back_as_it_was_written() -> None:
    trace = SearchTrace((make_step(0, "a + b"), TraceStep(strategy="line")), "time limit", left_out=3)
    assert SearchTrace.from_dict(json.loads(json.dumps(trace.to_dict()))) == trace
    assert trace.to_dict()["version"] == 1


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


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 2, "steps": None, "ended": 5, "left_out": "many", "more": 1},
        {"steps": [7, "rational", None]},
    ],
    ids=str,
)
def test_what_a_trace_does_not_know_counts_as_missing(document: dict[str, object]) -> None:
    assert SearchTrace.from_dict(document) == SearchTrace()


def test_what_a_step_does_not_know_counts_as_missing() -> None:
    step = {"strategy": "rational", "seconds": "1", "path": [1, "groups"], "error": {}, "rank": 1}
    assert TraceStep.from_dict(step) == TraceStep(strategy="rational", path=("groups",))
