"""run_job() around small pipelines: whatever happens, the job row tells the truth.

What SQL decides is tested on both dialects.
"""

import errno
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any, Self

import polars as pl
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from kan_engine.errors import DeviceUnavailable, InvalidData, TrainingDiverged
from kan_engine.formulas.callbacks import TrialReport
from kan_engine.formulas.trace import TraceStep
from service.caller import Caller
from service.db.repositories import Datasets, Jobs, TrainedModels
from service.db.session import Sessions, clock
from service.db.tables import Blob, Job, JobEvent, Model
from service.errors import NotFound
from service.schemas.jobs import JobOut
from service.schemas.training import TrainRequest
from service.settings import Settings
from service.storage.blobs import read_bytes
from service.storage.stored_table import StoredTable
from tests.support.databases import ON_ONE_DATABASE
from tests.support.factories import make_dataset, make_job
from tests.support.servers import wait_until
from tests.support.stored import bare_record
from worker.execution.attempt import Attempt
from worker.execution.heartbeat import Termination
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.limits import ExecutionLimits
from worker.execution.outcome import CheckpointUnreadable, JobProgress, JobStopped, Outcome, SourceModel
from worker.execution.runner import run_job
from worker.jobs.train import BEGAN_ANEW_WARNING, Pipeline, make_training_handlers

LEASE_S = 0.3  # beats every 0.1 s


def outcome(artifact: bytes = b"weights", cut_by: str | None = None, *, is_first: bool = False) -> Outcome:
    return Outcome(
        artifact=artifact,
        record=bare_record(r2=1.0),
        symbolic=None,
        edges={"edges": []},
        task="regression",
        cut_by=cut_by,
        is_first=is_first,
    )


@dataclass
class ToyPipeline:
    """Publishes ``preview`` and ``better`` and does ``during`` after its first report; then works for
    ``lasts_s`` unless it is to stop.

    Before that it records a step of its ``strategy``, and why the search ``ended``. With ``has_best`` it has
    something to return when it is stopped; if ``is_deaf``, it does not ask.
    """

    during: Callable[[Callable[[bytes], None]], object] = lambda checkpoint: None
    lasts_s: float = 0.0
    has_best: bool = True
    preview: bytes | None = None
    better: bytes | None = None
    is_deaf: bool = False
    strategy: str | None = None
    ended: str | None = None
    resumed: list[bytes | None] = field(default_factory=list)
    revised: list[SourceModel | None] = field(default_factory=list)
    tables: list[Any] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    def __call__(
        self,
        table: StoredTable,
        request: TrainRequest,
        job: JobCallbacks,
        revises: SourceModel | None,
    ) -> Outcome:
        self.resumed.append(job.resume)
        self.revised.append(revises)
        self.tables.append(table)
        self.devices.append(request.training.device)
        job.report(JobProgress("fit", 0.5, "half", error=0.25))
        job.record_trial(TrialReport(kind="structure", width=(1, 1), grid=5, error=0.25))
        if self.strategy is not None:
            job.recorder.record_step(TraceStep(strategy=self.strategy))
        if self.ended is not None:
            job.recorder.record_end(self.ended)
        if self.preview is not None:
            assert job.publish is not None
            job.publish(outcome(self.preview, is_first=True))
        if self.better is not None:
            assert job.publish is not None
            job.publish(outcome(self.better))
        self.during(job.checkpoint)
        ends_at = time.monotonic() + self.lasts_s
        while time.monotonic() < ends_at:
            if not self.is_deaf and job.should_stop():
                if self.has_best:
                    return outcome(b"best so far", cut_by="fit")
                raise JobStopped
            time.sleep(0.01)
        return outcome()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_s": LEASE_S})


@pytest.fixture
def dataset_id(sessions: Sessions) -> str:
    content = BytesIO()
    pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]}).write_parquet(content)
    return make_dataset(sessions, rows=3, content=content.getvalue())


@pytest.fixture
def submit(sessions: Sessions, dataset_id: str) -> Callable[..., str]:
    def submit(**request: Any) -> str:
        request = {"dataset_id": dataset_id, "target": "y", "max_seconds": 300, **request}
        return make_job(sessions, dataset_id=dataset_id, request=request).id

    return submit


@pytest.fixture
def run(sessions: Sessions, settings: Settings) -> Callable[..., Job]:
    def run(job_id: str, pipeline: Pipeline, token: str | None = None, **options: Any) -> Job:
        run_job(
            job_id, token, sessions, settings, work_of=make_training_handlers(pipeline).__getitem__, **options
        )
        return read(sessions, job_id)

    return run


def read(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return Jobs(session).get(job_id)


def events(sessions: Sessions, job_id: str) -> list[JobEvent]:
    with sessions.read() as session:
        return list(Jobs(session).events(job_id, limit=200))


def cancel(sessions: Sessions, job_id: str, *, keep_best: bool = False) -> None:
    with sessions.begin() as session:
        Jobs(session).cancel(job_id, keep_best=keep_best)


def lose(sessions: Sessions, job_id: str, *, after_s: float = 0.0) -> None:
    """The process that works on the job is lost, as if it had worked for ``after_s`` more seconds."""
    with sessions.begin() as session:
        for event in session.scalars(select(JobEvent).where(JobEvent.job_id == job_id)):
            event.created_at -= timedelta(seconds=after_s)
        past = clock(session) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=past))
        Jobs(session).reap(max_attempts=3)


def artifacts(sessions: Sessions) -> list[bytes]:
    with sessions.read() as session:
        return [read_bytes(session, sha256) for sha256 in session.scalars(select(Model.artifact_sha256))]


def test_a_job_succeeds_with_its_model(sessions: Sessions, submit: Any, run: Any) -> None:
    pipeline = ToyPipeline()
    job = run(submit(name="law", tags={"by": "me"}), pipeline)
    assert (job.status, job.stage, job.fraction, job.cut_by) == ("succeeded", "done", 1.0, None)
    with sessions.read() as session:
        model = TrainedModels(session).get(job.model_id)
    assert (model.name, model.version, model.job_id, model.task) == ("law", 1, job.id, "regression")
    assert (model.target, model.tags, model.dataset_id) == ("y", {"by": "me"}, job.dataset_id)
    assert model.record["metrics"] == {"r2": 1.0}
    assert model.record["lineage"]["job_id"] == job.id
    assert len(model.record["lineage"]["dataset_sha256"]) == 64
    assert artifacts(sessions) == [b"weights"]
    assert pipeline.tables[0].rows == 3


def test_the_events_of_a_job_are_in_order(sessions: Sessions, submit: Any, run: Any) -> None:
    job = run(submit(), ToyPipeline())
    seen = [(e.number, e.kind, e.data.get("status") or e.data["stage"]) for e in events(sessions, job.id)]
    assert seen == [
        (1, "status", "queued"),
        (2, "status", "running"),
        (3, "progress", "fit"),
        (4, "status", "succeeded"),
    ]


def test_a_job_and_its_model_tell_the_cpu_seconds_of_all_attempts(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    told_to_end = Termination()
    job_id = submit()
    released = run(
        job_id,
        ToyPipeline(during=lambda _: (burn_cpu(0.1), told_to_end.request()), lasts_s=5),
        termination=told_to_end,
    )
    assert released.status == "queued"
    assert released.cpu_seconds >= 0.1
    job = run(job_id, ToyPipeline(during=lambda _: burn_cpu(0.1)))
    assert job.cpu_seconds >= released.cpu_seconds + 0.09  # the clock ticks every hundredth of a second
    with sessions.read() as session:
        timings = TrainedModels(session).get(job.model_id).record["timings"]
    assert timings["cpu_seconds"] == JobOut.from_row(job).timings.cpu_seconds


def test_the_cpu_seconds_of_a_job_include_its_parts(
    sessions: Sessions, dataset_id: str, submit: Any, run: Any
) -> None:
    whole, other = submit(), submit()
    request = read(sessions, whole).request
    for job_id in (whole, other):
        with sessions.begin() as session:
            Jobs(session).claim(job_id, lease_s=60)
    for _ in range(2):
        part = make_job(sessions, dataset_id=dataset_id, parent_id=whole, request=request)
        run(part.id, ToyPipeline(during=lambda _: burn_cpu(0.1)))
    assert read(sessions, whole).cpu_seconds >= 0.18  # the clock ticks every hundredth of a second
    assert read(sessions, other).cpu_seconds is None


def burn_cpu(seconds: float) -> None:
    ends_at = time.process_time() + seconds
    while time.process_time() < ends_at:
        pass


@ON_ONE_DATABASE
def test_events_tell_the_error_of_what_was_fitted(sessions: Sessions, submit: Any, run: Any) -> None:
    job = run(submit(), ToyPipeline())
    assert [e.data["error"] for e in events(sessions, job.id) if e.kind == "progress"] == [0.25]


@ON_ONE_DATABASE
def test_events_have_the_trials(sessions: Sessions, submit: Any, run: Any) -> None:
    job = run(submit(), ToyPipeline())
    (trial,) = [t for e in events(sessions, job.id) for t in e.data.get("trials", ())]
    assert 0 <= trial.pop("age_seconds") < 10
    assert trial == {"kind": "structure", "width": [1, 1], "grid": 5, "error": 0.25}


@ON_ONE_DATABASE
def test_progress_moves_while_a_stage_reports_nothing_and_never_falls(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id, seen = submit(max_seconds=4), list[float]()

    def look(_: Any) -> None:
        for _ in range(4):
            time.sleep(0.4)
            seen.append(read(sessions, job_id).fraction)

    run(job_id, ToyPipeline(during=look))
    assert seen == sorted(seen)
    assert 0.5 < seen[1] < seen[-1] < 1


def test_progress_is_visible_while_the_job_runs(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id, seen = submit(), []

    def look(_: Any) -> None:
        wait_until(lambda: read(sessions, job_id).stage == "fit", timeout_s=10)
        seen.append(read(sessions, job_id))

    run(job_id, ToyPipeline(during=look))
    assert (seen[0].stage, seen[0].message) == ("fit", "half")
    assert 0.5 <= seen[0].fraction < 0.6
    assert seen[0].eta_seconds is not None


@ON_ONE_DATABASE
def test_a_model_without_a_name_gets_one_from_its_target(sessions: Sessions, submit: Any, run: Any) -> None:
    job = run(submit(target="a@b / c"), ToyPipeline())
    with sessions.read() as session:
        assert TrainedModels(session).get(job.model_id).name == f"a-b-c-{job.id[-6:]}"


def test_a_message_delivered_twice_is_done_once(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id, pipeline = submit(), ToyPipeline()
    with sessions.begin() as session:
        claimed = Jobs(session).claim(job_id, lease_s=60)
    assert claimed is not None
    for _ in range(2):
        run(job_id, pipeline, claimed.token)
    assert len(pipeline.resumed) == 1
    assert read(sessions, job_id).status == "succeeded"


def test_a_job_that_someone_else_has_is_left_alone(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id, pipeline = submit(), ToyPipeline()
    with sessions.begin() as session:
        Jobs(session).claim(job_id, lease_s=60)
    assert run(job_id, pipeline).status == "running"
    assert not pipeline.resumed


def test_a_cancelled_job_stops_and_leaves_no_model(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()
    began = time.monotonic()
    job = run(job_id, ToyPipeline(during=lambda _: cancel(sessions, job_id), lasts_s=30))
    assert time.monotonic() - began < 10
    assert (job.status, job.model_id) == ("cancelled", None)
    assert artifacts(sessions) == []


def test_a_cancellation_that_comes_at_the_last_moment_still_counts(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    job = run(job_id, ToyPipeline(during=lambda _: cancel(sessions, job_id)))
    assert (job.status, job.model_id) == ("cancelled", None)


def test_a_cancelled_job_keeps_its_best_network_if_asked(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()
    job = run(job_id, ToyPipeline(during=lambda _: cancel(sessions, job_id, keep_best=True), lasts_s=30))
    assert (job.status, job.cut_by) == ("cancelled", "fit")
    assert job.model_id is not None
    assert artifacts(sessions) == [b"best so far"]


@ON_ONE_DATABASE
def test_a_cancelled_job_that_has_nothing_yet_keeps_nothing(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    keep_best = ToyPipeline(
        during=lambda _: cancel(sessions, job_id, keep_best=True), lasts_s=30, has_best=False
    )
    job = run(job_id, keep_best)
    assert (job.status, job.model_id) == ("cancelled", None)


@ON_ONE_DATABASE
def test_the_time_limit_cuts_the_job_and_keeps_the_best(submit: Any, run: Any) -> None:
    job = run(submit(max_seconds=0.5), ToyPipeline(lasts_s=30))
    assert (job.status, job.cut_by) == ("succeeded", "fit")


@ON_ONE_DATABASE
@pytest.mark.parametrize(("limit", "most"), [(0.5, 0.25), (4, 3.0), (300, 285.0)])
def test_a_part_of_the_time_is_kept_for_the_formula_and_the_measuring(
    sessions: Sessions, settings: Settings, submit: Any, limit: float, most: float
) -> None:
    left: list[float] = []

    def work(attempt: Attempt) -> Any:
        left.append(attempt.seconds_left())
        raise JobStopped

    run_job(submit(max_seconds=limit), None, sessions, settings, work_of=lambda _: work)
    assert most - 2 < left[0] <= most  # the start of a busy machine counts as work


@ON_ONE_DATABASE
def test_what_a_process_that_has_just_started_imports_takes_nothing_of_the_time(
    sessions: Sessions, settings: Settings, submit: Any
) -> None:
    left: list[float] = []

    def work(attempt: Attempt) -> Any:
        left.append(attempt.seconds_left())
        raise JobStopped

    def work_of(_: str) -> Any:
        time.sleep(2.5)
        return work

    run_job(submit(max_seconds=4), None, sessions, settings, work_of=work_of)
    assert 1 < left[0] <= 3


@ON_ONE_DATABASE
def test_a_time_limit_too_short_for_any_network_is_said(submit: Any, run: Any) -> None:
    job = run(submit(max_seconds=0.5), ToyPipeline(lasts_s=30, has_best=False))
    assert (job.status, job.error_code) == ("failed", "time_limit")


def raising(error: Exception) -> ToyPipeline:
    def fail(_: Any) -> None:
        raise error

    return ToyPipeline(during=fail)


@ON_ONE_DATABASE
@pytest.mark.parametrize(("asked", "set_to", "used"), [("auto", "cpu", "cpu"), ("cpu", "cuda", "cpu")])
def test_the_worker_chooses_the_device_unless_the_job_does(
    asked: str, set_to: str, used: str, submit: Any, sessions: Sessions, settings: Settings
) -> None:
    pipeline, job_id = ToyPipeline(), submit(training={"device": asked})
    handlers = make_training_handlers(pipeline)
    own = settings.model_copy(update={"device": set_to})
    run_job(job_id, None, sessions, own, work_of=handlers.__getitem__)
    assert pipeline.devices == [used]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidData("column 'x' is odd", column="x"), "invalid_data"),
        (TrainingDiverged(7), "training_diverged"),
        (DeviceUnavailable("no GPU"), "device_unavailable"),
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOSPC, "no space left"), "disk_full"),
        (ZeroDivisionError("secret"), "internal_error"),
    ],
)
def test_an_error_fails_the_job_with_its_code(submit: Any, run: Any, error: Exception, code: str) -> None:
    job = run(submit(), raising(error))
    assert (job.status, job.error_code) == ("failed", code)
    assert "secret" not in job.error_detail


def test_a_job_whose_dataset_is_gone_fails(
    sessions: Sessions, submit: Any, run: Any, dataset_id: str
) -> None:
    job_id = submit()
    with sessions.begin() as session:
        Datasets(session).delete(dataset_id)
    job = run(job_id, ToyPipeline())
    assert (job.status, job.error_code) == ("failed", "dataset_not_found")


def test_a_process_that_lost_its_job_stops_and_writes_nothing(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    began = time.monotonic()
    job = run(job_id, ToyPipeline(during=lambda _: lose(sessions, job_id), lasts_s=30))
    assert time.monotonic() - began < 10
    assert (job.status, job.attempt) == ("queued", 1)
    assert artifacts(sessions) == []


def test_a_result_that_comes_after_the_job_was_lost_is_dropped(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id, second = submit(), ToyPipeline()

    def lose_and_let_another_do_it(_: Any) -> None:
        lose(sessions, job_id)
        run(job_id, second)

    job = run(job_id, ToyPipeline(during=lose_and_let_another_do_it))
    assert job.status == "succeeded"
    assert artifacts(sessions) == [b"weights"]
    statuses = [e.data["status"] for e in events(sessions, job_id) if e.kind == "status"]
    assert statuses == ["queued", "running", "queued", "running", "succeeded"]


def test_a_process_told_to_end_gives_the_job_back_with_its_checkpoint(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    termination = Termination()

    def save_and_end(checkpoint: Callable[[bytes], None]) -> None:
        checkpoint(b"halfway")
        termination.request()

    job_id = submit()
    began = time.monotonic()
    job = run(job_id, ToyPipeline(during=save_and_end, lasts_s=30), termination=termination)
    assert time.monotonic() - began < 10
    assert (job.status, job.attempt) == ("queued", 0)
    resuming = ToyPipeline()
    assert run(job_id, resuming).status == "succeeded"
    assert resuming.resumed == [b"halfway"]


def test_a_new_checkpoint_replaces_the_one_before(sessions: Sessions, submit: Any, run: Any) -> None:
    def save_thrice(checkpoint: Callable[[bytes], None]) -> None:
        for data in (b"first", b"second", b"second"):
            checkpoint(data)

    job = run(submit(), ToyPipeline(during=save_thrice))
    with sessions.read() as session:
        kept = [read_bytes(session, sha256) for sha256 in session.scalars(select(Blob.sha256))]
        assert read_bytes(session, job.checkpoint_sha256) == b"second"
    assert b"first" not in kept


def test_a_process_that_lost_its_job_saves_no_checkpoint(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()

    def lose_and_save(checkpoint: Callable[[bytes], None]) -> None:
        lose(sessions, job_id)
        checkpoint(b"too late")

    assert run(job_id, ToyPipeline(during=lose_and_save)).checkpoint_sha256 is None


def test_a_resumed_job_has_only_the_time_that_is_left(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit(max_seconds=300)

    def save_and_lose(checkpoint: Callable[[bytes], None]) -> None:
        checkpoint(b"halfway")
        lose(sessions, job_id, after_s=299.5)

    run(job_id, ToyPipeline(during=save_and_lose, lasts_s=30))
    job = run(job_id, ToyPipeline(lasts_s=30))
    assert (job.status, job.cut_by) == ("succeeded", "fit")


class ForgetfulPipeline(ToyPipeline):
    """Reads no checkpoint."""

    def __call__(
        self, table: StoredTable, request: TrainRequest, job: JobCallbacks, revises: SourceModel | None
    ) -> Outcome:
        if job.resume is not None:
            raise CheckpointUnreadable("ArtifactError: not a saved model")
        return super().__call__(table, request, job, revises)


def test_a_job_whose_checkpoint_cannot_be_read_begins_anew_with_its_whole_time_and_tells_so(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit(max_seconds=300)

    def save_and_lose(checkpoint: Callable[[bytes], None]) -> None:
        checkpoint(b"of another version")
        lose(sessions, job_id, after_s=299.9)

    run(job_id, ToyPipeline(during=save_and_lose))
    job = run(job_id, ForgetfulPipeline(lasts_s=0.3))
    assert (job.status, job.cut_by) == ("succeeded", None)
    assert [event.data.get("reason") for event in events(sessions, job_id)].count("begins_anew") == 1
    with sessions.read() as session:
        (model,) = session.scalars(select(Model))
        kept = [read_bytes(session, sha256) for sha256 in session.scalars(select(Blob.sha256))]
    assert b"of another version" not in kept
    assert BEGAN_ANEW_WARNING in model.record["warnings"]


def test_the_time_before_a_job_began_anew_does_not_count(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()
    save = ToyPipeline(during=lambda checkpoint: (checkpoint(b"one"), lose(sessions, job_id, after_s=100)))
    run(job_id, save)
    run(job_id, ForgetfulPipeline(during=lambda _: lose(sessions, job_id)))
    with sessions.read() as session:
        earlier, present = Jobs(session).seconds_worked(job_id)
    assert (earlier < 100, present) == (True, 0.0)


class Flaky:
    """Sessions whose database is down for the first few transactions after ``fail`` was called."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions, self._failures = sessions, 0

    def fail(self, times: int) -> None:
        self._failures = times

    def restrict_to(self, caller: Caller) -> Self:
        self._sessions = self._sessions.restrict_to(caller)
        return self

    @contextmanager
    def begin(self) -> Iterator[Session]:
        self._break()
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        self._break()
        with self._sessions.read() as session:
            yield session

    def _break(self) -> None:
        if self._failures:
            self._failures -= 1
            raise OperationalError("SELECT 1", {}, ConnectionError("gone"))


QUICK_TRIES = ExecutionLimits(retry_pauses_s=(0.01,) * 8)


@ON_ONE_DATABASE
def test_a_database_that_restarts_costs_no_result(
    sessions: Sessions, settings: Settings, submit: Any
) -> None:
    flaky, job_id = Flaky(sessions), submit()
    pipeline = ToyPipeline(during=lambda _: flaky.fail(3))
    handlers = make_training_handlers(pipeline)
    run_job(job_id, None, flaky, settings, work_of=handlers.__getitem__, limits=QUICK_TRIES)  # type: ignore[arg-type]
    assert read(sessions, job_id).status == "succeeded"


@ON_ONE_DATABASE
def test_a_checkpoint_that_cannot_be_stored_stops_nothing(
    sessions: Sessions, settings: Settings, submit: Any
) -> None:
    flaky, job_id = Flaky(sessions), submit()

    def save_without_database(checkpoint: Callable[[bytes], None]) -> None:
        flaky.fail(1)
        checkpoint(b"halfway")

    pipeline = ToyPipeline(during=save_without_database)
    handlers = make_training_handlers(pipeline)
    run_job(job_id, None, flaky, settings, work_of=handlers.__getitem__, limits=QUICK_TRIES)  # type: ignore[arg-type]
    assert read(sessions, job_id).status == "succeeded"


@ON_ONE_DATABASE
def test_a_database_that_fails_within_the_pipeline_sends_the_job_back(
    sessions: Sessions, settings: Settings, submit: Any
) -> None:
    job_id = submit()
    pipeline = raising(OperationalError("SELECT 1", {}, ConnectionError("gone")))
    handlers = make_training_handlers(pipeline)
    run_job(job_id, None, sessions, settings, work_of=handlers.__getitem__, limits=QUICK_TRIES)
    job = read(sessions, job_id)
    assert (job.status, job.attempt) == ("queued", 0)


def test_jobs_that_end_together_give_one_name_its_versions(
    sessions: Sessions, settings: Settings, submit: Any
) -> None:
    job_ids = [submit(name="law") for _ in range(4)]

    def run_one(job_id: str) -> None:
        run_job(job_id, None, sessions, settings, work_of=make_training_handlers(ToyPipeline()).__getitem__)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run_one, job_ids))
    with sessions.read() as session:
        assert sorted(session.scalars(select(Model.version))) == [1, 2, 3, 4]
    assert {read(sessions, job_id).status for job_id in job_ids} == {"succeeded"}


def test_a_preview_serves_until_the_job_has_its_own_model(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id, seen = submit(name="law"), []

    def look(_: Callable[[bytes], None]) -> None:
        job = read(sessions, job_id)
        assert job.preview is not None
        with sessions.read() as session:
            preview = TrainedModels(session).get_by_id(job.preview["model_id"])
            assert preview.record["preview_of"] == job_id
            with pytest.raises(NotFound):
                TrainedModels(session).get("law")
        seen.append((job.preview["metrics"]["r2"], job.preview["formula"], artifacts(sessions)))

    job = run(job_id, ToyPipeline(look, preview=b"first"))
    assert seen == [(1.0, None, [b"first"])]
    assert (job.status, job.preview, artifacts(sessions)) == ("succeeded", None, [b"weights"])
    assert [event.kind for event in events(sessions, job_id)].count("preview") == 1


def test_a_cancelled_job_keeps_its_preview(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()
    pipeline = ToyPipeline(lambda _: cancel(sessions, job_id), lasts_s=20, preview=b"first")
    job = run(job_id, pipeline)
    assert (job.status, job.model_id, artifacts(sessions)) == ("cancelled", None, [b"first"])
    assert job.preview is not None


def test_the_best_model_of_a_cancelled_job_replaces_its_preview(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    pipeline = ToyPipeline(lambda _: cancel(sessions, job_id, keep_best=True), lasts_s=20, preview=b"first")
    job = run(job_id, pipeline)
    assert (job.status, job.preview, artifacts(sessions)) == ("cancelled", None, [b"best so far"])


def test_a_second_attempt_keeps_the_preview_of_the_first(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()
    run(job_id, ToyPipeline(lambda _: lose(sessions, job_id), lasts_s=20, preview=b"first"))
    kept = read(sessions, job_id).preview
    assert kept is not None
    again: list[Any] = []
    run(job_id, ToyPipeline(lambda _: again.append(read(sessions, job_id).preview), preview=b"second"))
    assert again == [kept]


def test_a_job_that_is_longer_than_it_was_expected_to_be_goes_back_to_the_queue(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    with sessions.begin() as session:
        session.get_one(Job, job_id).estimated_seconds = 5.0
    job = run(job_id, ToyPipeline(lasts_s=30), max_run_s=0.2)
    assert (job.status, job.attempt, job.estimated_seconds, job.token) == ("queued", 0, None, None)
    reasons = [event.data.get("reason") for event in events(sessions, job_id) if event.kind == "status"]
    assert reasons[-1] == "longer_than_estimated"
    assert run(job_id, ToyPipeline()).status == "succeeded"


def test_a_better_model_replaces_the_preview_and_no_first_model_replaces_it(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    seen: list[Any] = []
    run(job_id, ToyPipeline(lambda _: lose(sessions, job_id), preview=b"first", better=b"better"))
    run(job_id, ToyPipeline(lambda _: seen.append(artifacts(sessions)), preview=b"first again"))
    assert seen == [[b"better"]]


@ON_ONE_DATABASE
def test_a_job_that_does_not_ask_for_the_time_ends_with_the_model_that_it_has_published(
    sessions: Sessions, submit: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("worker.execution.heartbeat.end_process", ended.append)
    job_id = submit(max_seconds=0.2, name="law")
    pipeline = ToyPipeline(preview=b"first", better=b"better", lasts_s=1.5, is_deaf=True)
    job = run(job_id, pipeline, limits=ExecutionLimits(overrun_s=0.1))
    assert ended == [1]
    assert (job.status, job.cut_by, job.error_code, job.preview) == ("succeeded", "fit", None, None)
    with sessions.read() as session:
        model = TrainedModels(session).get("law")
    assert (model.id, model.version, artifacts(sessions)) == (job.model_id, 1, [b"better"])
    assert "preview_of" not in model.record
    assert model.record["warnings"][-1] == (
        "the time limit ended the job in its stage 'fit': this is its best model until then"
    )


@ON_ONE_DATABASE
def test_a_job_without_a_model_at_the_end_of_its_time_gets_a_little_more(
    sessions: Sessions, submit: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.execution.heartbeat.end_process", lambda _: None)
    pipeline = ToyPipeline(lambda _: time.sleep(1), preview=None, better=None, lasts_s=0.0)
    limits = ExecutionLimits(overrun_s=0.1, first_model_s=30)
    assert run(submit(max_seconds=0.2), pipeline, limits=limits).status == "succeeded"


@ON_ONE_DATABASE
def test_a_job_that_finds_nothing_in_its_time_keeps_its_preview_as_its_model(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    pipeline = ToyPipeline(preview=b"first", lasts_s=30, has_best=False)
    job = run(submit(max_seconds=0.5), pipeline)
    assert (job.status, job.cut_by, artifacts(sessions)) == ("succeeded", "fit", [b"first"])


@ON_ONE_DATABASE
def test_a_job_whose_model_so_far_a_client_has_deleted_has_none(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    def delete(_: Any) -> None:
        with sessions.begin() as session:
            models = TrainedModels(session)
            models.delete(models.get_by_id(read(sessions, job_id).preview["model_id"]))  # type: ignore[index]

    job_id = submit(max_seconds=0.5)
    job = run(job_id, ToyPipeline(delete, preview=b"first", lasts_s=30, has_best=False))
    assert (job.status, job.error_code) == ("failed", "time_limit")


@ON_ONE_DATABASE
def test_a_client_who_stops_a_job_and_keeps_the_best_gets_its_preview_if_there_is_nothing_better(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    keep_best = ToyPipeline(
        lambda _: cancel(sessions, job_id, keep_best=True), lasts_s=30, has_best=False, preview=b"first"
    )
    job = run(job_id, keep_best)
    assert (job.status, job.model_id is not None) == ("cancelled", True)
    assert artifacts(sessions) == [b"first"]


def trace_of(sessions: Sessions, job_id: str) -> tuple[list[str], str | None]:
    """The strategies of the trace of a job, and why its search ended."""
    with sessions.read() as session:
        trace = Jobs(session).find_trace(job_id)
    return [step["strategy"] for step in trace.get("steps", [])], trace.get("ended")


def test_a_job_keeps_the_trace_of_its_search(sessions: Sessions, submit: Any, run: Any) -> None:
    job = run(submit(), ToyPipeline(strategy="rational", ended="every strategy has run"))
    assert trace_of(sessions, job.id) == (["rational"], "every strategy has run")


def test_a_job_without_a_search_has_no_trace(sessions: Sessions, submit: Any, run: Any) -> None:
    assert trace_of(sessions, run(submit(), ToyPipeline()).id) == ([], None)


def test_a_failed_job_keeps_its_trace(sessions: Sessions, submit: Any, run: Any) -> None:
    def fail(_: Any) -> None:
        raise TrainingDiverged(7)

    job = run(submit(), ToyPipeline(fail, strategy="rational"))
    assert trace_of(sessions, job.id) == (["rational"], "the job failed: training_diverged")


@pytest.mark.parametrize("keep_best", [False, True])
def test_a_cancelled_job_keeps_its_trace(
    sessions: Sessions, submit: Any, run: Any, *, keep_best: bool
) -> None:
    job_id = submit()
    pipeline = ToyPipeline(
        lambda _: cancel(sessions, job_id, keep_best=keep_best), lasts_s=30, strategy="rational"
    )
    assert run(job_id, pipeline).status == "cancelled"
    assert trace_of(sessions, job_id) == (["rational"], "the client stopped the job")


def test_a_search_that_ended_before_its_job_was_cancelled_keeps_its_own_end(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    job_id = submit()
    run(job_id, ToyPipeline(lambda _: cancel(sessions, job_id), lasts_s=30, strategy="line", ended="exact"))
    assert trace_of(sessions, job_id) == (["line"], "exact")


@ON_ONE_DATABASE
@pytest.mark.parametrize("preview", [b"first", None])
def test_a_job_whose_process_has_to_be_ended_keeps_its_trace(
    sessions: Sessions, submit: Any, run: Any, monkeypatch: pytest.MonkeyPatch, preview: bytes | None
) -> None:
    monkeypatch.setattr("worker.execution.heartbeat.end_process", lambda _: None)
    pipeline = ToyPipeline(preview=preview, lasts_s=2.0, is_deaf=True, strategy="rational")
    # A preview is waited for, however busy the machine is
    limits = ExecutionLimits(overrun_s=0.1, first_model_s=0.5 if preview is None else 60.0)
    job = run(submit(max_seconds=0.2), pipeline, limits=limits)
    assert job.status == ("failed" if preview is None else "succeeded")
    assert trace_of(sessions, job.id) == (["rational"], "time limit")


def test_the_next_attempt_of_a_lost_job_replaces_the_trace(sessions: Sessions, submit: Any, run: Any) -> None:
    job_id = submit()
    run(job_id, ToyPipeline(lambda _: lose(sessions, job_id), lasts_s=30, strategy="rational"))
    assert trace_of(sessions, job_id) == ([], None)
    run(job_id, ToyPipeline(strategy="line", ended="every strategy has run"))
    assert trace_of(sessions, job_id) == (["line"], "every strategy has run")


def test_an_attempt_that_resumes_after_the_search_keeps_its_trace(
    sessions: Sessions, submit: Any, run: Any
) -> None:
    def save_and_lose(checkpoint: Callable[[bytes], None]) -> None:
        checkpoint(b"the result of the search")
        lose(sessions, job_id)

    job_id = submit()
    run(job_id, ToyPipeline(save_and_lose, lasts_s=30, strategy="rational", ended="every strategy has run"))
    assert run(job_id, ToyPipeline()).status == "succeeded"
    assert trace_of(sessions, job_id) == (["rational"], "every strategy has run")
