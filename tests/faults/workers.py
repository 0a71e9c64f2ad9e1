"""Real processes that tests start, kill and watch: workers around the slow pipeline, and the API."""

import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from sqlalchemy import func, select

from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import Blob, Dataset, Job, JobEvent, JobStatus, Model
from service.settings import Settings
from tests.support.factories import make_dataset, make_job
from tests.support.servers import wait_until
from worker.runtime.housekeeping import delete_finished_checkpoints

START_TIMEOUT_S = 90.0  # processes start slowly when all cores are busy
ON_ONE_MACHINE_IN_EVERY_RUN = pytest.mark.parametrize(
    "settings",
    ["one machine", pytest.param("many machines", marks=pytest.mark.thorough)],
    indirect=True,
)


class Workers:
    """The workers of one test; their log is what the pipeline notes."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self.settings, self.sessions = settings, sessions
        self._notes = settings.data_dir / "notes"
        self._output = settings.data_dir / "output"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self, queues: str = "", machine: str = "", **variables: str) -> subprocess.Popen[bytes]:
        """Start one, as a group of its own; for all queues, or those named.

        ``machine`` is where it believes to be: one that no other worker is on, if none is named.
        ``variables`` are added to its environment.
        """
        own = {"KAN_WORKER_QUEUES": queues, "KAN_TEST_MACHINE": machine or uuid4().hex}
        process = self.run("tests.faults.slow_worker", **own, **variables)
        self._workers.append(process)
        return process

    def run(self, module: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start another process of the service with the same settings."""
        own = self.settings.model_dump(include=self.settings.model_fields_set)
        environment = os.environ | {f"KAN_{name.upper()}": str(value) for name, value in own.items()}
        environment |= {"KAN_TEST_NOTES": str(self._notes), "KAN_SHORT_JOBS": "off"}
        with self._output.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment | variables,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=Path(__file__).parents[2],
            )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def submit(self, **tags: str) -> str:
        """Queue a job of about four seconds, or of what the tags say."""
        dataset_id = self.add_dataset()
        max_seconds = float(tags.get("max_seconds", 300))
        request = {"dataset_id": dataset_id, "target": "y", "max_seconds": max_seconds, "tags": tags}
        return make_job(self.sessions, dataset_id=dataset_id, request=request).id

    def submit_prediction(self, **fields: Any) -> str:
        """Queue a job of another kind, which ends at once."""
        request = {"kind": "predict", "model": "m", "dataset_id": self.add_dataset(), "max_seconds": 300}
        dataset_id = request["dataset_id"]
        return make_job(self.sessions, kind="predict", dataset_id=dataset_id, request=request, **fields).id

    def add_dataset(self) -> str:
        """A table that says it has more rows than it has; the pipeline does not mind."""
        content = BytesIO()
        pl.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]}).write_parquet(content)
        return make_dataset(self.sessions, content=content.getvalue())

    def tell(self, name: str, text: str = "") -> Path:
        """Write a file that ``tests.faults.points`` and ``troubles`` look for."""
        path = self._notes.with_name(f"{self._notes.name}.{name}")
        path.write_text(text)
        return path

    def notes(self, beginning: str = "") -> list[str]:
        """What pipelines noted, in order."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        return [line for line in lines if line.startswith(beginning)]

    def wait_for_note(self, beginning: str, times: int = 1) -> str:
        """The last of so many notes."""
        wait_until(lambda: len(self.notes(beginning)) >= times, self._failure, START_TIMEOUT_S)
        return self.notes(beginning)[times - 1]

    def wait_for_end(self, job_id: str) -> Job:
        """The job, once it has finished."""
        wait_until(lambda: JobStatus(self.read(job_id).status).is_final, self._failure, START_TIMEOUT_S)
        return self.read(job_id)

    def read(self, job_id: str) -> Job:
        """The job as it is now."""
        with self.sessions.read() as session:
            return Jobs(session).get(job_id)

    def events(self, job_id: str) -> list[JobEvent]:
        """All that happened to a job."""
        with self.sessions.read() as session:
            return list(Jobs(session).events(job_id, limit=1000))

    def statuses(self, job_id: str) -> list[tuple[str, str | None]]:
        """What became of a job, and why."""
        events = (event.data for event in self.events(job_id) if event.kind == "status")
        return [(data["status"], data.get("reason")) for data in events]

    def assert_one_success(self, job_id: str, *statuses: Any) -> None:
        """One success, one model, and events without a gap that tell this story."""
        self.assert_done_once(job_id)
        events = self.events(job_id)
        assert [event.created_at for event in events] == sorted(event.created_at for event in events)
        assert self.statuses(job_id) == list(statuses)

    def assert_done_once(self, job_id: str) -> None:
        """One success, one model, and events without a gap, whatever happened on the way."""
        assert self.wait_for_end(job_id).status == JobStatus.SUCCEEDED, self.output()
        events = self.events(job_id)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert [status for status, _ in self.statuses(job_id)].count("succeeded") == 1
        with self.sessions.read() as session:
            assert session.scalar(select(func.count()).where(Model.job_id == job_id)) == 1

    def assert_nothing_lies_about(self) -> None:
        """After the upkeep, every stored byte belongs to a dataset or a model."""
        delete_finished_checkpoints(self.sessions)
        with self.sessions.read() as session:
            stored = set(session.scalars(select(Blob.sha256)))
            assert stored == set(session.scalars(select(Dataset.blob_sha256))) | set(
                session.scalars(select(Model.artifact_sha256))
            )

    def output(self) -> str:
        """What the processes wrote."""
        return self._output.read_text()

    def _failure(self) -> str | None:
        return None if any(p.poll() is None for p in self._workers) else f"no worker:\n{self.output()}"


def pid_in(note: str) -> int:
    """The process that wrote a note."""
    return int(note.split()[1])
