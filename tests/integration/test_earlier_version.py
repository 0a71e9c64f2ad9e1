"""What an earlier version has stored is read as before, and the jobs that it began come to their ends.

``tests/data`` has the stored bytes with the answers of the version that wrote them, and how they were made.
"""

import base64
import json
import logging
import lzma
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from service.db.migrate import upgrade
from service.db.repositories import Jobs
from service.db.repositories.subtasks import JobSubtasks
from service.db.session import Sessions, clock
from service.db.tables import SUBTASK_KIND, Job, JobEvent
from service.main import create_app
from service.queue import QUEUE_BY_KIND
from service.settings import Settings
from service.storage.blobs import put_bytes
from tests.data.record import FRESH, shorten
from tests.support.engine.readings import use_small_dictionary
from tests.support.servers import LOOPBACK
from worker.execution.limits import ExecutionLimits
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS
from worker.jobs.train import BEGAN_ANEW_WARNING
from worker.pipelines import search_config, tabular
from worker.tasks import work as job_task

pytestmark = pytest.mark.usefixtures("no_suggestions")

FOLDER = Path(__file__).parents[1] / "data"
ANSWERS: dict[str, Any] = json.loads(lzma.decompress((FOLDER / "answers.json.xz").read_bytes()))
MODELS: dict[str, Any] = ANSWERS["models"]
INTERRUPTED = ["in the middle", "with networks", "while reading", "before the front", "with a checkpoint"]
OWN = {"model_id", "model", "version"}  # of each model
LIMITS = ExecutionLimits(overrun_s=1000, min_stored_duration_s=0.0)


@dataclass(frozen=True)
class UpgradedService:
    """Today's service over a database of the earlier version."""

    client: TestClient
    settings: Settings

    @property
    def sessions(self) -> Sessions:
        return self.client.app.state.sessions  # type: ignore[attr-defined,no-any-return]  # a FastAPI

    def move_events_to_now(self) -> None:
        """As if the jobs were interrupted now: time since their last event counts as time of the job."""
        with self.sessions.begin() as session:
            events = session.scalars(select(JobEvent)).all()
            delay = clock(session) - max(event.created_at for event in events)
            for event in events:
                event.created_at += delay

    def get(self, path: str) -> Any:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def predict(self, model_id: str, by: str) -> Any:
        response = self.client.post(f"/models/{model_id}/predict", json={"rows": FRESH, "by": by})
        assert response.status_code == 200, response.text
        return response.json()

    def work(self, *kinds: str) -> int:
        """Do what is queued of these kinds; the answer is how many jobs that were."""
        done = 0
        while True:
            with self.sessions.begin() as session:
                job = Jobs(session).claim_next(kinds=kinds, lease_s=self.settings.lease_s)
            if job is None:
                return done
            done += 1
            run_job(
                job.id, job.token, self.sessions, self.settings, work_of=HANDLERS.__getitem__, limits=LIMITS
            )

    def keep(self, job_id: str) -> None:
        """Delete all other unfinished jobs, and take this one from its worker."""
        with self.sessions.begin() as session:
            others = (Job.id != job_id) & (Job.parent_id.is_(None) | (Job.parent_id != job_id))
            session.execute(update(Job).where(others).values(status="cancelled", token=None))
            past = clock(session) - timedelta(seconds=1)
            running = (Job.status == "running", Job.token.is_not(None))
            session.execute(update(Job).where(*running).values(lease_until=past))
            Jobs(session).reap(max_attempts=3)

    def finish(self, name: str) -> Any:
        """Do a job that the earlier version began, as several workers would; return its model."""
        job_id = ANSWERS["jobs"][name]
        self.keep(job_id)
        self.work(SUBTASK_KIND)
        assert self.work("train", "symbolic") == 1
        job = self.get(f"/jobs/{job_id}")
        assert (job["status"], job["error"]) == ("succeeded", None)
        return self.get(f"/models/{job['model_id']}")

    def parts(self, job_id: str) -> list[Job]:
        with self.sessions.read() as session:
            return list(session.scalars(select(Job).where(Job.parent_id == job_id)))


@contextmanager
def serve(folder: Path) -> Iterator[UpgradedService]:
    (folder / "kan.db").write_bytes(lzma.decompress((FOLDER / "kan.db.xz").read_bytes()))
    settings = Settings(database_url=f"sqlite:///{folder / 'kan.db'}", data_dir=folder)
    upgrade(settings)
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        service = UpgradedService(client, settings)
        service.move_events_to_now()
        yield service


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpgradedService]:
    """A service that tests only read from."""
    with serve(tmp_path_factory.mktemp("earlier")) as service:
        yield service


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UpgradedService]:
    """A service whose jobs a test does, with the settings of the searches of the earlier version."""
    use_small_dictionary(monkeypatch)
    monkeypatch.setattr(search_config, "THRESHOLDS", shorten(search_config.THRESHOLDS))
    with serve(tmp_path) as service:
        yield service


def has_all_of(now: Any, before: Any) -> bool:
    """Whether a document has all fields of another; it may have more."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(key in now and has_all_of(now[key], value) for key, value in before.items())
    if isinstance(before, list) and isinstance(now, list):
        return len(now) == len(before) and all(map(has_all_of, now, before))
    return bool(now == before)


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_is_described_as_before(reading: UpgradedService, name: str) -> None:
    before = MODELS[name]
    assert has_all_of(reading.get(f"/models/{before['id']}"), before["document"])


@pytest.mark.parametrize("name", MODELS)
def test_stored_formulas_and_their_front_are_as_before(reading: UpgradedService, name: str) -> None:
    before = MODELS[name]
    assert has_all_of(reading.get(f"/models/{before['id']}/symbolic"), before["symbolic"])


def test_the_stored_regression_has_a_formula_a_verdict_and_a_front() -> None:
    symbolic = MODELS["regression"]["symbolic"]
    assert symbolic["verdict"] is not None
    assert len(symbolic["outputs"][0]["pareto"]) > 2


@pytest.mark.parametrize("by", ["accurate", "compact", "formula"])
@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_predicts_as_before(reading: UpgradedService, name: str, by: str) -> None:
    before = MODELS[name]
    assert_alike(reading.predict(before["id"], by), before["predictions"][by])


def assert_alike(now: Any, before: Any, without: Collection[str] = ()) -> None:
    """The same document, with numbers up to rounding, and at its top without some fields."""
    if isinstance(before, dict):
        for key in before.keys() - without:
            assert_alike(now[key], before[key])
    elif isinstance(before, list):
        for one, value in zip(now, before, strict=True):
            assert_alike(one, value)
    elif isinstance(before, float):
        assert now == pytest.approx(before, rel=1e-9, abs=1e-12)
    else:
        assert now == before


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_of_the_earlier_version_is_imported(reading: UpgradedService, name: str) -> None:
    before = MODELS[name]
    files = {"file": ("model.safetensors", base64.b64decode(before["portable"]))}
    response = reading.client.post("/models/import", files=files, data={"name": f"imported {name}"})
    assert response.status_code == 201, response.text
    model_id = response.json()["id"]
    for by, predictions in before["predictions"].items():
        assert_alike(reading.predict(model_id, by), predictions, OWN)
    symbolic = reading.get(f"/models/{model_id}/symbolic")
    assert_alike(symbolic["outputs"], before["symbolic"]["outputs"])


def test_a_message_of_the_earlier_version_reaches_the_task_of_today() -> None:
    message = ANSWERS["message"]
    arguments, options, _ = message["body"]
    assert (message["name"], message["queue"]) == (job_task.name, QUEUE_BY_KIND["train"])
    assert (arguments, options) == ([ANSWERS["jobs"]["queued"]], {})


def test_a_queued_training_is_done(service: UpgradedService) -> None:
    model = service.finish("queued")
    assert service.get(f"/models/{model['id']}/symbolic")["outputs"]


def test_a_queued_choice_of_another_formula_is_done(service: UpgradedService) -> None:
    model = service.finish("revision")
    front = MODELS["regression"]["symbolic"]["outputs"][0]["pareto"]
    chosen = service.get(f"/models/{model['id']}/symbolic")["outputs"][0]["expression"]
    assert chosen == front[1]["expression"]


@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interrupted_job_is_finished_and_none_of_its_finished_subtasks_is_repeated(
    service: UpgradedService, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repeated, store = list[str](), JobSubtasks.record
    parts = service.parts(ANSWERS["jobs"][name])
    known = {part.request_sha256: part.request["name"] for part in parts if part.result_sha256}

    def record(self: JobSubtasks, key: str, request: dict[str, Any], result_sha256: str) -> None:
        repeated.extend([known[key]] if key in known else [])
        store(self, key, request, result_sha256)

    monkeypatch.setattr(JobSubtasks, "record", record)
    with caplog.at_level(logging.INFO, "worker"):
        model = service.finish(name)
    assert repeated == []
    assert BEGAN_ANEW_WARNING not in model["warnings"]
    messages = [entry.getMessage() for entry in caplog.records if entry.name.startswith("worker")]
    assert "result of a subtask cannot be read" not in messages
    assert ("subtask of another version dropped" in messages) == (name == "while reading")


def test_the_stored_jobs_have_every_subtask_of_the_earlier_version() -> None:
    finished = {part["name"] for part in ANSWERS["parts"] if part["status"] == "succeeded"}
    assert finished == {"law", "reading", "front", "folds", "network", "retraining"}


def test_a_checkpoint_of_the_earlier_version_leads_to_the_model_that_it_would_have_made(
    service: UpgradedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search_again(*_: Any) -> None:
        raise AssertionError("the model is known")

    monkeypatch.setattr(tabular, "find_model", search_again)
    model, before = service.finish("with a checkpoint"), ANSWERS["resumed"]
    assert_alike(service.get(f"/models/{model['id']}/symbolic"), before["symbolic"], OWN)
    for by, predictions in before["predictions"].items():
        assert_alike(service.predict(model["id"], by), predictions, OWN)


def test_a_checkpoint_that_cannot_be_read_begins_the_job_anew_and_its_model_tells_so(
    service: UpgradedService,
) -> None:
    job_id = ANSWERS["jobs"]["with a checkpoint"]
    with service.sessions.begin() as session:
        Jobs(session).set_checkpoint(session.get_one(Job, job_id), put_bytes(session, b"of another version"))
    model = service.finish("with a checkpoint")
    assert BEGAN_ANEW_WARNING in model["warnings"]
    events = service.get(f"/jobs/{job_id}/events")["items"]
    assert [event["data"].get("reason") for event in events].count("begins_anew") == 1


def test_subtasks_that_exist_no_more_are_dropped_and_nobody_sees_an_error(
    service: UpgradedService, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = ANSWERS["jobs"]["while reading"]
    service.keep(job_id)
    queued = [part.request["name"] for part in service.parts(job_id) if part.status == "queued"]
    assert "reading" in queued
    with caplog.at_level(logging.INFO, "worker"):
        service.work(SUBTASK_KIND)
    readings = [part for part in service.parts(job_id) if part.request["name"] == "reading"]
    assert {(part.status, part.error_code) for part in readings} == {("cancelled", None)}
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
