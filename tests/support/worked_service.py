"""The API over a database, with a worker that a test calls where it wants one."""

from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from service.db.session import Sessions
from service.settings import Settings
from worker.execution.limits import ExecutionLimits
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

Document = dict[str, Any]


class WorkedService:
    """The API over a database, and a worker that is called where a test wants one."""

    def __init__(self, client: TestClient, settings: Settings) -> None:
        self.client, self._settings = client, settings

    @property
    def sessions(self) -> Sessions:
        return self.client.app.state.sessions  # type: ignore[attr-defined,no-any-return]  # the app is a FastAPI

    def upload(self, **columns: Any) -> str:
        body = {"name": "d", "columns": {name: np.asarray(v).tolist() for name, v in columns.items()}}
        return str(self.client.post("/datasets", json=body).json()["id"])

    def work(self, job_id: str) -> Document:
        # At its limit a job ends its process, here that of the tests, so it may overrun on a busy machine
        limits = ExecutionLimits(overrun_s=240)
        run_job(job_id, None, self.sessions, self._settings, work_of=HANDLERS.__getitem__, limits=limits)
        return self.get(f"/jobs/{job_id}")

    def model(self, **body: Any) -> Document:
        """The model of a job, once it is done."""
        response = self.client.post("/jobs", json=body)
        assert response.status_code == 202, response.text
        job = self.work(response.json()["id"])
        assert job["status"] == "succeeded", job["error"]
        return self.get(f"/models/{job['model_id']}")

    def get(self, path: str) -> Document:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def formula(self, model: Document) -> Document:
        return dict(self.get(f"/models/{model['id']}/symbolic")["outputs"][0])
