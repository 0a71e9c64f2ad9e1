"""Clients that generators make of the OpenAPI document are whole, and work."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.main import create_app
from service.settings import Settings
from tests.support.openapi import openapi_document
from tests.support.servers import serving
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

# Their requirements conflict with those of the service, so `make` installs them beside it.
GENERATORS = Path(sys.prefix) / "generators"
# What the generator of Python asks for files that are neither JSON nor octets; the guide tells it, too.
MEDIA_TYPES = ("image/svg+xml", "image/png", "application/vnd.apache.parquet", "text/event-stream")
OVERRIDES = "content_type_overrides:\n" + "".join(
    f"  {kind}: application/octet-stream\n" for kind in MEDIA_TYPES
)

needs_generators = pytest.mark.skipif(
    not (GENERATORS / "bin/openapi-python-client").exists(), reason="`make test` installs the generators"
)
needs_node = pytest.mark.skipif(
    not (GENERATORS / "node_modules/.bin/openapi-typescript").exists() or shutil.which("node") is None,
    reason="npm was not there when the generators were installed",
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(json.dumps(openapi_document()))
    return path


def run(*command: str | Path) -> str:
    """What a command tells; it succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def python_client(document: Path) -> tuple[Path, str]:
    """The folder of the package, and what the generator told."""
    config, made = document.with_name("config.yaml"), document.with_name("generated")
    config.write_text(OVERRIDES + "post_hooks: []\n")
    command = GENERATORS / "bin/openapi-python-client"
    told = run(command, "generate", "--config", config, "--path", document, "--output-path", made)
    return made / "kan_service_client", told


@needs_generators
def test_openapi_python_client_warns_of_nothing_and_has_every_operation(
    python_client: tuple[Path, str],
) -> None:
    package, told = python_client
    assert "WARNING" not in told
    assert "Unable" not in told
    made = {path.stem for path in package.glob("api/*/*.py")}
    operations = [o["operationId"] for item in openapi_document()["paths"].values() for o in item.values()]
    assert set(operations) <= made


@needs_generators
def test_a_generated_python_client_trains_and_predicts(
    python_client: tuple[Path, str], new_settings: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(python_client[0].parent))
    models: Any = importlib.import_module("kan_service_client.models")

    def call(operation: str, *args: Any, **options: Any) -> Any:
        module: Any = importlib.import_module(f"kan_service_client.api.{operation}")
        return module.sync(*args, client=client, **options)

    x = [i / 20 for i in range(60)]
    settings = new_settings()
    app = create_app(settings)
    package: Any = importlib.import_module("kan_service_client")
    with serving(app) as url, package.Client(base_url=f"{url}/v1") as client:
        table = {"name": "line", "columns": {"x": x, "y": [2 * value + 1 for value in x]}}
        dataset = call("datasets.add_dataset", body=models.DatasetInColumns.from_dict(table))
        training = models.TrainRequest(dataset_id=dataset.id, target="y", baselines=[], max_seconds=60)
        job = call("jobs.submit_job", body=training)
        assert job.status == models.JobStatus.QUEUED
        run_job(job.id, None, app.state.sessions, settings, work_of=HANDLERS.__getitem__)
        job = call("jobs.get_job", job.id)
        assert job.status == models.JobStatus.SUCCEEDED
        rows = models.PredictRequestColumns.from_dict({"model": job.model_id, "columns": {"x": [0.5, 1.0]}})
        answer = call("predictions.predict", body=rows)
    assert answer.predictions == pytest.approx([2.0, 3.0], abs=1e-6)


@needs_generators
def test_datamodel_codegen_warns_of_nothing_and_numbers_no_class(document: Path) -> None:
    made = document.with_name("models.py")
    kinds = ["--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"]
    command = GENERATORS / "bin/datamodel-codegen"
    told = run(command, "--formatters", "builtin", "--input", document, "--output", made, *kinds)
    assert told == ""
    assert re.findall(r"^class \w+\d\(.*", made.read_text(), re.MULTILINE) == []


@needs_generators
@needs_node
def test_openapi_typescript_makes_types_that_compile(document: Path) -> None:
    tools, made = GENERATORS / "node_modules/.bin", document.with_name("schema.ts")
    told = run(tools / "openapi-typescript", document, "--default-non-nullable", "false", "--output", made)
    assert "warn" not in told.lower()
    use = document.with_name("use.ts")
    use.write_text(
        'import type { components, operations } from "./schema";\n'
        'const job: components["schemas"]["JobRequest"] = { kind: "train", dataset_id: "d", target: "y" };\n'
        'type Sent = operations["submit_job"]["requestBody"]["content"]["application/json"];\n'
        "export const sent: Sent = job;\n"
    )
    run(tools / "tsc", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", use)
