"""Jobs that predict a dataset, done by a worker that a test calls; what SQL decides on both dialects."""

import io
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from kan_engine import Predictor
from service.db.repositories import Jobs
from service.db.session import Sessions, clock
from service.db.tables import Blob, Job
from service.settings import Settings
from service.storage.blobs import release_blob
from tests.support.factories import make_model, make_predictor
from worker.execution.heartbeat import Termination
from worker.execution.runner import run_job
from worker.jobs.batch_predict import BatchLimits
from worker.jobs.prediction_columns import PredictionColumns
from worker.jobs.registry import HANDLERS, make_handlers

COLUMNS = {"x1": [i / 50 for i in range(50)], "x2": [i / 50 - 1 for i in range(50)], "id": [*range(50)]}


in_both_dialects = pytest.mark.parametrize("database_url", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url"))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_s": 0.3})  # beats every 0.1 s


@pytest.fixture
def predictor() -> Predictor:
    return make_predictor()


@pytest.fixture
def submit(client: TestClient, sessions: Sessions, predictor: Predictor) -> Callable[..., str]:
    def submit(**body: Any) -> str:
        make_model(sessions, predictor)
        dataset_id = client.post("/datasets", json={"name": "rows", "columns": COLUMNS}).json()["id"]
        answer = client.post(
            "/jobs", json={"kind": "predict", "model": "law", "dataset_id": dataset_id, **body}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    return submit


@pytest.fixture
def work(sessions: Sessions, settings: Settings) -> Callable[..., Job]:
    def work(job_id: str, **options: Any) -> Job:
        run_job(job_id, None, sessions, settings, work_of=HANDLERS.__getitem__, **options)
        return read(sessions, job_id)

    return work


def read(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return Jobs(session).get(job_id)


def blobs(sessions: Sessions) -> int:
    with sessions.read() as session:
        return session.scalar(select(func.count()).select_from(Blob)) or 0


@pytest.fixture
def at_first_block(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Blocks of five rows, and something that happens after the first of them."""

    def install(happen: Callable[[], object]) -> None:
        limits = BatchLimits(max_block_rows=5, min_block_rows=5)
        monkeypatch.setitem(HANDLERS, "predict", make_handlers(batch=limits)["predict"])
        predict, left = PredictionColumns.predict_block, [happen]

        def to(self: PredictionColumns, block: pl.DataFrame) -> pl.DataFrame:
            found = predict(self, block)
            if left:
                left.pop()()
                time.sleep(0.25)  # so that a heartbeat can learn of it
            return found

        monkeypatch.setattr(PredictionColumns, "predict_block", to)

    return install


@in_both_dialects
def test_a_dataset_is_predicted_with_its_columns_beside(
    client: TestClient, sessions: Sessions, predictor: Predictor, submit: Any, work: Any
) -> None:
    job = work(submit())
    assert (job.status, job.stage, job.model_id) == ("succeeded", "done", None), job.error_detail
    answer = client.get(f"/jobs/{job.id}/result")
    frame = pl.read_parquet(io.BytesIO(answer.content))
    assert frame.columns == ["x1", "x2", "id", "y", "warning"]
    assert frame.select("x1", "x2", "id").to_dict(as_series=False) == COLUMNS
    inputs = {name: frame[name].to_numpy() for name in ("x1", "x2")}
    assert frame["y"].to_list() == predictor.predict(inputs).tolist()
    assert answer.headers["etag"] == f'"sha256-{job.result_sha256}"'


def test_many_small_blocks_give_what_one_block_gives(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, submit: Any, work: Any
) -> None:
    whole = client.get(f"/jobs/{work(submit()).id}/result").content
    limits = BatchLimits(max_read_rows=12, max_block_rows=5, min_block_rows=5)
    monkeypatch.setitem(HANDLERS, "predict", make_handlers(batch=limits)["predict"])
    parts = client.get(f"/jobs/{work(submit()).id}/result").content
    assert pl.read_parquet(io.BytesIO(parts)).equals(pl.read_parquet(io.BytesIO(whole)))
    assert len(parts) > len(whole)  # every piece that was read is a group of its own


@in_both_dialects
def test_a_cancelled_job_stops_and_leaves_no_result(
    sessions: Sessions, submit: Any, work: Any, at_first_block: Any
) -> None:
    job_id = submit()
    before = blobs(sessions)

    def cancel() -> None:
        with sessions.begin() as session:
            Jobs(session).cancel(job_id)

    at_first_block(cancel)
    job = work(job_id)
    assert (job.status, job.result_sha256, job.fraction < 1) == ("cancelled", None, True)
    assert blobs(sessions) == before


@in_both_dialects
def test_a_result_that_comes_after_the_job_was_lost_is_dropped(
    sessions: Sessions, submit: Any, work: Any, at_first_block: Any
) -> None:
    job_id, finished = submit(), []

    def lose_and_let_another_do_it() -> None:
        with sessions.begin() as session:
            past = clock(session) - timedelta(seconds=1)
            session.execute(update(Job).where(Job.id == job_id).values(lease_until=past))
            Jobs(session).reap(max_attempts=3)
        finished.append(work(job_id))

    at_first_block(lose_and_let_another_do_it)
    job = work(job_id)
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert job.finished_at == finished[0].finished_at


def test_a_worker_told_to_end_gives_the_job_back_and_another_does_it(
    submit: Any, work: Any, at_first_block: Any
) -> None:
    termination = Termination()
    job_id = submit()
    at_first_block(termination.request)
    job = work(job_id, termination=termination)
    assert (job.status, job.attempt, job.result_sha256) == ("queued", 0, None)
    assert work(job_id).status == "succeeded"


def test_time_that_is_up_is_said(submit: Any, work: Any, at_first_block: Any) -> None:
    at_first_block(lambda: time.sleep(0.3))
    job = work(submit(max_seconds=0.3))
    assert (job.status, job.error_code) == ("failed", "time_limit")
    assert "not every row was predicted" in job.error_detail


def test_a_job_whose_model_is_gone_fails_even_if_another_is_called_like_it(
    client: TestClient, sessions: Sessions, submit: Any, work: Any
) -> None:
    job_id = submit()
    (model,) = client.get("/models").json()["items"]
    assert client.delete(f"/models/{model['id']}").status_code == 204
    make_model(sessions, name=model["id"])
    job = work(job_id)
    assert (job.status, job.error_code) == ("failed", "model_not_found")


@in_both_dialects
def test_whoever_deletes_a_job_can_release_its_result(sessions: Sessions, submit: Any, work: Any) -> None:
    job_id = submit()
    before = blobs(sessions)
    work(job_id)
    assert blobs(sessions) == before + 1
    with sessions.begin() as session:
        job = session.get_one(Job, job_id)
        left = Jobs(session).list_blobs(job)
        session.delete(job)
        for sha256 in left:
            release_blob(session, sha256)
    assert blobs(sessions) == before
