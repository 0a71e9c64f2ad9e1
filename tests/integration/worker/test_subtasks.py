"""Parts of a training: whoever does them, the model is the same."""

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select, update

from kan_engine.expressions.constraints import list_functions
from kan_engine.expressions.evaluation import from_json, variables
from kan_engine.model_selection.trials import TrialResult
from kan_engine.search.networks.trials import TrialRunner
from service.db.repositories import Jobs, Workers
from service.db.repositories.subtasks import JobSubtasks
from service.db.session import Sessions, clock, make_engine, make_sessions
from service.db.tables import SUBTASK_KIND, Job, Model
from service.schemas.job_requests import SubtaskRequest
from service.schemas.training import TrainRequest
from service.settings import Settings
from service.storage.blobs import read_bytes
from tests.support.factories import column, make_dataset, make_job, start_job
from worker.execution.limits import ExecutionLimits
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS
from worker.pipelines import search_config
from worker.runtime import housekeeping

pytestmark = pytest.mark.usefixtures("small_dictionary", "no_suggestions", "in_a_hurry")

ROWS = 80
BODY: dict[str, Any] = {
    "target": "y",
    "network": {"grid": 8},  # with a grid that was asked for, a law is looked for afterwards
    "symbolic": False,
    "baselines": False,
    "prune": False,
    "max_seconds": 2.5,  # estimated ones, which bound the search
    "training": {"restarts": 2, "steps": 3, "optimizer": "adam"},
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What SQL decides about parts is tested on both dialects elsewhere."""
    return sqlite_url


# Every part is kept, and workers without work are looked for all the time. No neighbour of the tests cuts a
# job short, and what a clock ends is not the same twice.
HURRY = ExecutionLimits(
    min_stored_duration_s=0.0, offer_period_s=0.0, work_time_share=100.0, min_finish_s=-1e5
)


@pytest.fixture(scope="module")
def in_a_hurry() -> Iterator[None]:
    """No search is cut short by a clock."""
    with pytest.MonkeyPatch.context() as patch:
        endless = replace(
            search_config.THRESHOLDS,
            law_time_share=100.0,
            search_time_share=100.0,
            compact_growth_time_share=100.0,
            compact_time_share=100.0,
        )
        patch.setattr(search_config, "THRESHOLDS", endless)
        yield


@pytest.fixture
def submit(sessions: Sessions) -> Callable[..., str]:
    return make_submit(sessions)


def make_submit(sessions: Sessions) -> Callable[..., str]:
    """A function that submits jobs on one table."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, ROWS))
    content = io.BytesIO()
    y = np.sin(3 * x[0]) + rng.normal(0, 0.5, ROWS)
    pl.DataFrame({"a": x[0], "b": x[1], "y": y}).write_parquet(content)
    dataset_id = make_dataset(
        sessions, column("a"), column("b"), column("y"), rows=ROWS, content=content.getvalue()
    )

    def submit(**body: Any) -> str:
        request = {"dataset_id": dataset_id, **BODY, **body}
        return make_job(sessions, dataset_id=dataset_id, request=request).id

    return submit


@dataclass(frozen=True)
class Trained:
    """What a job gave, and the parts that are stored then."""

    artifact: bytes
    symbolic: Any
    cut_by: str | None
    parts: list[Job]


@pytest.fixture(scope="module")
def train_alone(
    new_settings: Callable[[], Settings],
    small_dictionary: None,
    no_suggestions: None,
    in_a_hurry: None,
) -> Iterator[Callable[..., Trained]]:
    """Do a job where no other worker helps; the same one once for all tests."""
    settings = new_settings()
    engine = make_engine(settings)
    sessions, made = make_sessions(engine), dict[str, Trained]()
    submit = make_submit(sessions)
    with sessions.begin() as session:
        Workers(session).report("this", host="h", pid=1, slots=1)

    def train_alone(**body: Any) -> Trained:
        key = json.dumps(body)
        if key not in made:
            job_id = submit(**body)
            work(sessions, settings, "train", limits=replace(HURRY, min_stored_duration_s=1e9))
            made[key] = result_of(sessions, job_id)
        return made[key]

    yield train_alone
    engine.dispose()


def work(sessions: Sessions, settings: Settings, *kinds: str, limits: ExecutionLimits = HURRY) -> int:
    """Do what is queued of these kinds; the answer is how many jobs that were."""
    done = 0
    while True:
        with sessions.begin() as session:
            job = Jobs(session).claim_next(kinds=kinds, lease_s=settings.lease_s)
        if job is None:
            return done
        done += 1
        run_job(job.id, job.token, sessions, settings, work_of=HANDLERS.__getitem__, limits=limits)


def result_of(sessions: Sessions, job_id: str) -> Trained:
    with sessions.read() as session:
        model = session.scalars(select(Model).where(Model.job_id == job_id)).one()
        artifact = read_bytes(session, model.artifact_sha256)
        cut_by = session.get_one(Job, job_id).cut_by
        return Trained(artifact, model.symbolic, cut_by, parts(sessions))


def parts(sessions: Sessions) -> list[Job]:
    with sessions.read() as session:
        return list(session.scalars(select(Job).where(Job.kind == SUBTASK_KIND)))


@contextmanager
def another_worker(sessions: Sessions, settings: Settings) -> Iterator[list[int]]:
    """One that takes parts alone, while the block runs; it adds up how many it did."""
    done, has_ended = [0], threading.Event()

    def run() -> None:
        while not has_ended.is_set():
            done[0] += work(sessions, settings, SUBTASK_KIND)
            time.sleep(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        has_ended.set()
        thread.join()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="a network"),
        pytest.param(
            {"network": {}, "training": {}, "symbolic": True, "features": ["a"], "max_seconds": 20},
            id="a law",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_job_whose_parts_others_do_gives_the_model_that_it_gives_alone(
    sessions: Sessions, settings: Settings, submit: Any, body: dict[str, Any], train_alone: Any
) -> None:
    together = submit(**body)
    with sessions.begin() as session:
        Workers(session).report("other", host="h", pid=1, slots=4)
    with another_worker(sessions, settings) as done:
        ends_at = time.monotonic() + 60
        while not work(sessions, settings, "train") or status(sessions, together) != "succeeded":
            assert time.monotonic() < ends_at
            time.sleep(0.05)
    assert done[0] > 0
    found, alone = result_of(sessions, together), train_alone(**body)
    assert (alone.cut_by, found.cut_by) == (None, None)
    assert times_queued_again(sessions, together) == sum(part.is_awaited for part in found.parts)
    assert found.artifact == alone.artifact
    assert found.symbolic == alone.symbolic


def test_another_worker_may_search_for_the_front_of_formulas(
    sessions: Sessions, settings: Settings, submit: Any
) -> None:
    job_id = submit(symbolic=True)
    token = start_job(sessions, job_id)
    with sessions.begin() as session:
        job = Jobs(session).hold(job_id, token)
        assert job is not None
        request = SubtaskRequest(
            name="front",
            input={
                "limits": {"forbidden": ["cos"], "max_complexity": 12},
                "seeds": [],
                "columns": ["a", "b"],
                "work": [0.0, 0.3],
            },
            training=TrainRequest.model_validate(job.request),
            max_seconds=60,
        )
        JobSubtasks(session, job).offer({"key": request.model_dump(mode="json")})
    assert work(sessions, settings, SUBTASK_KIND) == 1
    (part,) = parts(sessions)
    assert part.result_sha256 is not None
    with sessions.read() as session:
        front = [from_json(tree) for tree in json.loads(read_bytes(session, part.result_sha256))]
    assert variables(front[0]) == ()
    assert "a" in variables(front[-1])
    assert not any("cos" in list_functions(tree) for tree in front)


def test_a_subtask_of_another_version_is_dropped_and_its_job_goes_on(
    sessions: Sessions, settings: Settings, submit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = submit()
    token = start_job(sessions, job_id)
    with sessions.begin() as session:
        job = Jobs(session).hold(job_id, token)
        assert job is not None
        training = TrainRequest.model_validate(job.request)
        request = SubtaskRequest(name="reading", input={"fit": {}}, training=training, max_seconds=60)
        JobSubtasks(session, job).offer({"key": request.model_dump(mode="json")})
        JobSubtasks(session, job).wait_for("key")
        Jobs(session).wait(job_id, token, message="waiting")
    with caplog.at_level(logging.INFO, "worker"):
        assert work(sessions, settings, SUBTASK_KIND) == 1
    (part,) = parts(sessions)
    assert (part.status, part.error_code) == ("cancelled", None)
    assert not [entry for entry in caplog.records if entry.levelno > logging.INFO]
    assert any("dropped" in entry.getMessage() for entry in caplog.records)
    assert status(sessions, job_id) == "queued"
    assert work(sessions, settings, "train") == 1
    assert status(sessions, job_id) == "succeeded"


def times_queued_again(sessions: Sessions, job_id: str) -> int:
    """How often a job went on after it had waited for a part."""
    with sessions.read() as session:
        events = Jobs(session).events(job_id, limit=1000)
    return [event.data.get("reason") for event in events].count("parts_done")


def status(sessions: Sessions, job_id: str) -> str:
    with sessions.read() as session:
        return session.get_one(Job, job_id).status


def test_without_a_worker_that_has_nothing_to_do_no_part_is_offered(train_alone: Any) -> None:
    assert train_alone().parts == []


def test_a_job_that_lost_its_worker_does_no_part_twice(
    sessions: Sessions,
    settings: Settings,
    submit: Any,
    train_alone: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []
    crossed = TrialRunner._cross_validate

    def counted(self: TrialRunner, trial: Any, held: Any, task: Any) -> TrialResult:
        made.append((trial, tuple(held)))
        if len(made) == 2:
            raise KeyboardInterrupt  # as if the process had died
        return crossed(self, trial, held, task)

    alone = train_alone()
    monkeypatch.setattr(TrialRunner, "_cross_validate", counted)
    lost = submit()
    with pytest.raises(KeyboardInterrupt):
        work(sessions, settings, "train")
    with sessions.begin() as session:
        past = clock(session) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.id == lost).values(lease_until=past))
        Jobs(session).reap(max_attempts=3)
    work(sessions, settings, "train")
    assert made[1] == made[2]
    assert len(set(made[2:])) == len(made) - 2
    assert made[0] not in made[2:]
    assert result_of(sessions, lost).artifact == alone.artifact


def test_parts_go_with_their_job(sessions: Sessions, settings: Settings, submit: Any) -> None:
    submit(max_seconds=1)
    work(sessions, settings, "train")
    assert parts(sessions)
    housekeeping.delete_finished_subtasks(sessions)
    assert parts(sessions) == []
