"""A kind of job and a picture, registered in this file alone: the API, a worker and the commands know them.

Prints what the service answers; see ``tests/integration/service/cli/test_registries.py``.
"""

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from sqlalchemy.orm import Session

from service.documents.plots import PLOTS
from service.schemas.common import JobWebhook, RequestModel
from service.schemas.job_kinds import JOB_KINDS, JobKind


class EchoRequest(RequestModel):
    """Returns a text as a file."""

    kind: Literal["echo"]
    text: str
    max_seconds: float = 10
    priority: int = 0
    webhook: JobWebhook = None


dot = ModuleType("service.rendering.charts.dot")
dot.draw = lambda numbers, subject, theme: f"<svg>{subject.target}</svg>"  # type: ignore[attr-defined]
# Before the API is imported
JOB_KINDS["echo"] = JobKind(name="echo", request=EchoRequest, queue="short")
PLOTS["dot"] = "one dot"
sys.modules[dot.__name__] = dot


@dataclass(frozen=True)
class EchoResult:
    text: str

    def store(self, session: Session) -> Any:
        from service.storage.blobs import put_bytes
        from worker.execution.attempt import StoredResult

        sha256 = put_bytes(session, self.text.encode())
        return StoredResult(result_sha256=sha256, result_format="csv", result_name="echo.csv")


def main() -> None:
    from fastapi.testclient import TestClient
    from typer.testing import CliRunner

    from service.cli import app as commands
    from service.main import create_app
    from service.operations.jobs.admission import ADMISSIONS, AdmittedJob
    from service.settings import Settings
    from tests.support.factories import make_model
    from tests.support.servers import serving
    from worker.execution.runner import run_job
    from worker.jobs.registry import HANDLERS

    ADMISSIONS["echo"] = lambda request, context: AdmittedJob(request, None)
    HANDLERS["echo"] = lambda attempt: EchoResult(attempt.request.text)
    settings = Settings()
    app = create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/jobs", json={"kind": "echo", "text": "hello"})
        job = answer.json()
        tell(answer.status_code, job["status"])
        run_job(job["id"], None, app.state.sessions, settings, work_of=HANDLERS.__getitem__)
        result = client.get(f"/jobs/{job['id']}").json()
        tell(result["kind"], result["status"])
        tell(client.get(f"/jobs/{job['id']}/result").text)
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
        tell("EchoRequest" in schemas, schemas["JobKind"]["enum"][-1], schemas["ModelPlot"]["enum"][-1])
        model = make_model(app.state.sessions)
        tell("one dot" in client.get("/guide/http").text)
    with serving(create_app(settings)) as url:
        listing = CliRunner().invoke(commands, ["jobs", "list", "--kind", "echo", "--server", url]).stdout
        tell(next(word for word in listing.split() if word == "echo"))
        picture = settings.data_dir / "dot.svg"
        options = ["--name", "dot", "--out", str(picture), "--server", url]
        CliRunner().invoke(commands, ["plot", model.id, *options])
        tell(picture.read_text())


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
