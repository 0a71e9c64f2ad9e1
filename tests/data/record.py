"""Records what a version of the service stores, and what it answers from that: fixtures for later versions.

    cd CHECKOUT_OF_THE_VERSION
    PYTHONPATH=$PWD .venv/bin/python …/tests/data/record.py FOLDER

Run it with the code of the version whose bytes are to be kept. It writes ``kan.db.xz``, a SQLite database
with models, and with jobs that were queued or interrupted, and ``answers.json.xz``, what the version said
about them. ``tests/integration/test_earlier_version.py`` reads both with today's code. The files beside this
script are of commit a6ae08d4, the last one before all formulas of a table were in one pool.
"""

from __future__ import annotations

import base64
import json
import lzma
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from kan_engine.search.thresholds import SearchThresholds
from service.db.migrate import upgrade
from service.db.repositories import Jobs, Workers
from service.db.session import Sessions
from service.db.tables import Job
from service.main import create_app
from service.queue import RedisQueue
from service.settings import Settings
from tests.support.engine.readings import use_small_dictionary
from tests.support.engine.short_searches import shorten_searches, use_few_candidates
from worker.execution.distributed_subtasks import DistributedSubtasks
from worker.execution.limits import ExecutionLimits
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS
from worker.pipelines import search_config, tabular
from worker.runtime.housekeeping import delete_finished_checkpoints, delete_finished_subtasks

ROWS = 60
EAGER = ExecutionLimits(min_stored_duration_s=0.0, offer_period_s=0.0, overrun_s=1000.0)
RNG = np.random.default_rng(0)
A, B, *_ = RNG.uniform(-1, 1, (5, ROWS)).round(3)
TABLES: dict[str, dict[str, list[Any]]] = {
    "numbers": {
        "a": A.tolist(),
        "b": B.tolist(),
        "y": (3 * np.exp(-0.7 * A) * B + RNG.normal(0, 0.05, ROWS)).round(3).tolist(),
    },
    "classes": {
        "a": A.tolist(),
        "b": B.tolist(),
        "y": np.where(RNG.uniform(size=ROWS) < 1 / (1 + np.exp(-4 * A - 3 * B**2)), "yes", "no").tolist(),
    },
    "wave": {
        "a": A.tolist(),
        "b": B.tolist(),
        "y": (np.sin(3 * A * B) + 0.3 * A + RNG.normal(0, 0.05, ROWS)).round(3).tolist(),
    },
}
TRAINING: dict[str, Any] = {
    "target": "y",
    "max_seconds": 1000,
    "baselines": False,
    "compact": {"max_edges": 4},
}
FRESH = [{"a": a, "b": b} for a in (-0.9, -0.2, 0.4, 0.8) for b in (-0.7, 0.1, 0.6)]


def shorten(limits: SearchThresholds) -> SearchThresholds:
    """The thresholds of the searches: small networks and little work."""
    few = use_few_candidates(shorten_searches(limits))
    return replace(few, selection=replace(few.selection, initial_hidden=(2,), max_epochs=20))


class Recorder:
    """A service over a new database, whose jobs this process does."""

    def __init__(self, client: TestClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self.sessions: Sessions = client.app.state.sessions  # type: ignore[attr-defined]  # a FastAPI
        self.datasets = dict[str, str]()

    def upload(self) -> None:
        """Store the tables."""
        for name, columns in TABLES.items():
            self.datasets[name] = self.post("/datasets", {"name": name, "columns": columns})["id"]

    def submit(self, table: str, **body: Any) -> str:
        """Queue a job."""
        body = {"dataset_id": self.datasets[table], **TRAINING, **body}
        return str(self.post("/jobs", body)["id"])

    def post(self, path: str, body: Any) -> Any:
        """What the service answers."""
        response = self._client.post(path, json=body)
        assert response.is_success, response.text
        return response.json()

    def get(self, path: str) -> bytes:
        """The same."""
        response = self._client.get(path)
        assert response.is_success, response.text
        return response.content

    def work(self, job_id: str) -> None:
        """Do a job."""
        with self.sessions.begin() as session:
            job = Jobs(session).claim(job_id, lease_s=60)
        assert job is not None
        run_job(job_id, job.token, self.sessions, self._settings, work_of=HANDLERS.__getitem__, limits=EAGER)

    def train(self, table: str, **body: Any) -> dict[str, Any]:
        """Train a model, and return what the service says about it."""
        job_id = self.submit(table, **body)
        self.work(job_id)
        return self.describe(job_id)

    def describe(self, job_id: str) -> dict[str, Any]:
        """What the service says about the model of a job."""
        job = json.loads(self.get(f"/jobs/{job_id}"))
        assert job["status"] == "succeeded", job
        path = f"/models/{job['model_id']}"
        return {
            "id": job["model_id"],
            "document": json.loads(self.get(path)),
            "symbolic": json.loads(self.get(f"{path}/symbolic")),
            "predictions": {
                by: self.post(f"{path}/predict", {"rows": FRESH, "by": by})
                for by in ("accurate", "compact", "formula")
            },
            "portable": base64.b64encode(self.get(f"{path}/export?format=safetensors")).decode(),
        }

    def interrupt(self, table: str, **body: Any) -> str:
        """Begin a job whose process dies, and return its id."""
        job_id = self.submit(table, **body)
        with pytest.raises(KeyboardInterrupt):
            self.work(job_id)
        return job_id

    @contextmanager
    def die_at(self, name: str, number: int, slots: int = 0) -> Iterator[None]:
        """The process dies in the n-th subtask of a name; others are offered to a worker that does none."""
        numbers, compute = count(1), DistributedSubtasks.get_or_compute

        def get_or_compute(parts: Any, part: Any, work: Any, **ways: Any) -> Any:
            def work_until_death() -> Any:
                if part.name != name or next(numbers) != number:
                    return work()
                with self.sessions.begin() as session:
                    Workers(session).report("other", host="h", pid=1, slots=slots)
                parts._offer_subtasks()
                raise KeyboardInterrupt

            return compute(parts, part, work_until_death, **ways)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DistributedSubtasks, "get_or_compute", get_or_compute)
            yield


def die(*_: Any, **__: Any) -> None:
    """End the process."""
    raise KeyboardInterrupt


def record(client: TestClient, settings: Settings) -> dict[str, Any]:
    """Fill the database, and return what the service says about it."""
    service = Recorder(client, settings)
    service.upload()
    models = {
        "regression": service.train("numbers"),
        "classification": service.train("classes"),
        "form": service.train("numbers", form="k*exp(-c*a)*b"),
    }
    jobs = {
        "queued": service.submit("numbers"),
        "revision": service.post(
            "/jobs", {"kind": "symbolic", "model_id": models["regression"]["id"], "choose": 1}
        )["id"],
    }
    with service.die_at("reading", 1, slots=6):
        jobs["while reading"] = service.interrupt("numbers")
    with service.die_at("front", 1):
        jobs["before the front"] = service.interrupt("numbers")
    with service.die_at("law", 1):
        adam = {"optimizer": "adam", "steps": 3, "restarts": 1}
        jobs["with networks"] = service.interrupt("numbers", network={"grid": 3}, training=adam, prune=False)
    with service.die_at("folds", 2, slots=14):
        jobs["in the middle"] = service.interrupt("wave")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "make_outcome", die)
        jobs["with a checkpoint"] = service.interrupt("numbers", seed=1, form="k*exp(-c*a)*b")
    delete_finished_subtasks(service.sessions)
    delete_finished_checkpoints(service.sessions)
    with service.sessions.begin() as session:
        session.execute(update(Job).where(Job.status == "running").values(holder=None))
        rows = session.scalars(select(Job).order_by(Job.created_at))
        parts = [
            {"id": row.id, "job": row.parent_id, "name": row.request["name"], "status": row.status}
            for row in rows
            if row.kind == "part"
        ]
    return {"models": models, "jobs": jobs, "parts": parts, "message": record_message(jobs["queued"])}


def resume(client: TestClient, settings: Settings, job_id: str) -> dict[str, Any]:
    """Go on with an interrupted job, and return what the service says about its model."""
    service = Recorder(client, settings)
    with service.sessions.begin() as session:
        past = datetime(2000, 1, 1, tzinfo=UTC)
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=past))
        Jobs(session).reap(max_attempts=3)
    service.work(job_id)
    return service.describe(job_id)


def record_message(job_id: str) -> dict[str, Any]:
    """The Celery message of a job as the API sends it."""
    sent = dict[str, Any]()
    queue = RedisQueue("memory://")
    queue._app.amqp.send_task_message = lambda _, name, message, **options: sent.update(  # type: ignore[method-assign]
        name=name, body=message.body, queue=getattr(options.get("queue"), "name", options.get("queue"))
    )
    assert queue.notify(job_id, "train")
    return sent


@contextmanager
def serve(database: Path) -> Iterator[tuple[TestClient, Settings]]:
    """The service over a database."""
    settings = Settings(database_url=f"sqlite:///{database}", data_dir=database.parent)
    upgrade(settings)
    base_url = "http://127.0.0.1:8080"
    with TestClient(create_app(settings), base_url=base_url, client=("127.0.0.1", 1)) as client:
        yield client, settings


def main(folder: Path) -> None:
    """Write the files."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        use_small_dictionary(patch)
        patch.setattr(search_config, "THRESHOLDS", shorten(search_config.THRESHOLDS))
        stored, copy = Path(place, "kan.db"), Path(place, "copy.db")
        with serve(stored) as (client, settings):
            answers = record(client, settings)
        with sqlite3.connect(stored) as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("VACUUM")
        shutil.copy(stored, copy)
        with serve(copy) as (client, settings):
            answers["resumed"] = resume(client, settings, answers["jobs"]["with a checkpoint"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kan.db.xz").write_bytes(lzma.compress(stored.read_bytes(), preset=9))
    (folder / "answers.json.xz").write_bytes(lzma.compress(json.dumps(answers).encode(), preset=9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
