"""Small and odd tables: a job that passes the checks has a model, whatever the rows are."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kan_engine import load
from kan_engine.search.subtasks import InProcess, Subtask
from service.errors import Invalid
from service.operations.jobs.limits import DEFAULT_ADMISSION
from service.operations.jobs.training_checks import check_training
from tests.support.stored import StoredOutcome, stored
from tests.support.tables import request_for, table_of
from worker.execution.job_callbacks import JobCallbacks
from worker.pipelines.tabular import run_pipeline

pytestmark = [
    pytest.mark.usefixtures("small_dictionary", "no_suggestions", "shapes_unchecked"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # a job goes on where a trial of it overflows
]

T = TypeVar("T")

SECONDS = 1.5  # of a search, before it is to end with what it has
MAX_SECONDS = 1  # bounds the number of its networks, so that most searches come to their end
COLUMNS = (
    "smooth",
    "noisy",
    "constant",
    "few",
    "binary",
    "category",
    "gaps",
    "outlier",
    "large",
    "huge",
    "tiny",
    "close",
    "almost constant",
    "empty",
    "text",
    "time",
    "repeated",
    "integer",
)


def column(kind: str, rows: int, rng: np.random.Generator) -> list[Any]:
    """Values of a kind that tables have, or that break what computes with them."""
    x = rng.uniform(0.5, 3.0, rows)
    special: dict[str, Callable[[], Any]] = {
        "noisy": lambda: rng.standard_t(1.5, rows),
        "constant": lambda: np.full(rows, 1.5),
        "few": lambda: np.round(x),
        "binary": lambda: x > 2,
        "category": lambda: rng.choice(["a", "b", "c"], rows),
        "gaps": lambda: np.where(rng.random(rows) < 0.4, None, x),
        "outlier": lambda: np.where(np.arange(rows) == rng.integers(rows), 1e6, x),
        "large": lambda: x * 1e70,
        "huge": lambda: x * 1e200,
        "tiny": lambda: x * 1e-310,
        "close": lambda: 1 + np.round(x) * 2.3e-16,
        "almost constant": lambda: np.where(np.arange(rows) == rng.integers(rows), 1.0, 0.0),
        "empty": lambda: [None] * rows,
        "text": lambda: [f"note {number} of a longer text" for number in range(rows)],
        "time": lambda: [datetime(2026, 1, 1) + timedelta(hours=7 * number) for number in range(rows)],
        "repeated": lambda: np.resize(x[: rows // 2], rows),
        "integer": lambda: np.floor(4 * x).astype(int),
    }
    values = special.get(kind, lambda: np.sin(2 * x) + x)()
    return values if isinstance(values, list) else list(values.tolist())


class Kept(InProcess):
    """Parts of a job that pass through bytes, as those do that another worker may read."""

    def get_or_compute(
        self,
        part: Subtask,
        work: Callable[[], T],
        *,
        write: Callable[[T], bytes],
        read: Callable[[bytes], T],
    ) -> T:
        return read(write(work()))


def outcome_of(columns: dict[str, list[Any]], **body: Any) -> StoredOutcome | None:
    """What becomes of a job; None if it is refused at submission."""
    table, request = table_of(**columns), request_for(max_seconds=MAX_SECONDS, **body)
    try:
        check_training(request, table.reports, table.rows, limits=DEFAULT_ADMISSION)
    except Invalid:
        return None
    kept: list[bytes] = []
    until = time.monotonic() + SECONDS
    outcome = stored(
        run_pipeline(
            table,
            request,
            JobCallbacks(parts=Kept(), checkpoint=kept.append, should_stop=lambda: time.monotonic() > until),
        )
    )
    for document in (outcome.record, outcome.symbolic, outcome.edges, outcome.figures):
        json.dumps(document, allow_nan=False)
    load(outcome.artifact)
    return outcome


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(5, 15),
    kinds=st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4),
    target=st.sampled_from(COLUMNS),
    split=st.sampled_from(["random", "random", "tail", "none"]),
    seed=st.integers(0, 10**6),
)
def test_a_job_on_a_small_table_has_a_model_or_is_refused_at_submission(
    rows: int, kinds: list[str], target: str, split: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    columns = {f"x{place}": column(kind, rows, rng) for place, kind in enumerate(kinds)}
    outcome_of(columns | {"y": column(target, rows, rng)}, split={"kind": split})


CASES: dict[str, tuple[dict[str, list[Any]], dict[str, Any]]] = {
    "fewer rows than columns": ({**{f"x{i}": [i, 2, 3 - i, i * i, 7] for i in range(5)}}, {}),
    "fewer rows than constants": ({"a": [5, 9, 10, 7, 3, 11], "b": [2, 8, 2, 4, 6, 10]}, {}),
    "fewer rows than folds": (
        {"a": [0.1, 0.5, 0.2, 0.9, 0.4], "b": [3.0, 1.0, 2.0, 5.0, 4.0]},
        {"split": {"kind": "tail"}},
    ),
    "one row of a class": ({"a": [0.1, 0.5, 0.2, 0.9, 0.4]}, {"target": "label"}),
    "a column that varies where it is held out": ({"a": [0.0, 0.0, 1.0, 0.0, 0.0]}, {}),
    "targets whose errors are no single-precision numbers": (
        {"a": [0.1, 0.5, 0.2, 0.9, 0.4, 0.7]},
        {"target": "large"},
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_once_ended_as_an_internal_error_has_a_model(case: str) -> None:
    columns, body = CASES[case]
    rows = len(columns["a"] if "a" in columns else columns["x0"])
    rest = {
        "y": [2.0, 3.5, 1.0, 6.0, 4.5, 3.0][:rows],
        "label": ["no", "no", "yes", "no", "no", "no"][:rows],
        "large": [2e70, 3.5e70, 1e70, 6e70, 4.5e70, 3e70][:rows],
    }
    target = body.get("target", "y")
    assert outcome_of({**columns, target: rest[target]}, **body) is not None
