"""Clients that generators make of the OpenAPI document are whole: they upload, train, predict and draw."""

import importlib
import io
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
from tests.support.examples.blocks import ENGLISH_GUIDE, list_blocks
from tests.support.openapi import openapi_document
from tests.support.servers import serving
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

# Their requirements conflict with those of the service, so `make` installs them beside it.
GENERATORS = Path(sys.prefix) / "generators"
NODE_TOOLS = GENERATORS / "node_modules/.bin"
PROGRAMS = Path(__file__).with_name("clients")  # in TypeScript, one for each client
TABLE = "x,y\n" + "".join(f"{i / 20},{i / 10 + 1}\n" for i in range(60))  # y = 2 x + 1
# What the guide does not say again in its blocks of TypeScript.
GUIDE_NAMES = """import createClient from "openapi-fetch";
import { uploadDataset } from "./hey_api/sdk.gen";
import type { paths } from "./schema";
declare const text: string;
const client = createClient<paths>();
"""

needs_generators = pytest.mark.skipif(
    not (GENERATORS / "bin/openapi-python-client").exists(), reason="`make test` installs the generators"
)
needs_node = pytest.mark.skipif(
    not (NODE_TOOLS / "openapi-ts").exists() or shutil.which("node") is None,
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
    made, config = document.with_name("generated"), document.with_name("config.yaml")
    config.write_text("post_hooks: []\n")  # those that format the code
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
def test_a_generated_python_client_uploads_trains_predicts_and_draws(
    python_client: tuple[Path, str], new_settings: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(python_client[0].parent))
    models: Any = importlib.import_module("kan_service_client.models")
    types: Any = importlib.import_module("kan_service_client.types")
    package: Any = importlib.import_module("kan_service_client")

    def call(operation: str, *args: Any, **options: Any) -> Any:
        module: Any = importlib.import_module(f"kan_service_client.api.{operation}")
        return module.sync(*args, client=client, **options)

    settings = new_settings()
    app = create_app(settings)
    with serving(app) as url, package.Client(base_url=f"{url}/v1") as client:
        file = types.File(payload=io.BytesIO(TABLE.encode()), file_name="line.csv")
        dataset = call("datasets.upload_dataset", body=models.UploadDatasetBody(file=file))
        assert dataset.name == "line"
        smallest = models.TrainRequest(dataset_id=dataset.id, target="y", max_seconds=10)
        job = call("jobs.submit_job", body=smallest)
        assert job.status == models.JobStatus.QUEUED
        run_job(job.id, None, app.state.sessions, settings, work_of=HANDLERS.__getitem__)
        job = call("jobs.get_job", job.id)
        assert job.status == models.JobStatus.SUCCEEDED
        rows = models.PredictRequestColumns.from_dict({"model": job.model_id, "columns": {"x": [0.5, 1.0]}})
        answer = call("predictions.predict", body=rows)
        picture = call("pictures.get_network_png", job.model_id)
        table = call("datasets.download_dataset", dataset.id)
    assert answer.predictions == pytest.approx([2.0, 3.0], abs=1e-6)
    assert picture.payload.read(4) == b"\x89PNG"
    assert table.payload.read(4) == b"PAR1"


@needs_generators
def test_datamodel_codegen_warns_of_nothing_and_numbers_no_class(document: Path) -> None:
    made = document.with_name("models.py")
    kinds = ["--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"]
    command = GENERATORS / "bin/datamodel-codegen"
    told = run(command, "--formatters", "builtin", "--input", document, "--output", made, *kinds)
    assert told == ""
    assert re.findall(r"^class \w+\d\(.*", made.read_text(), re.MULTILINE) == []


@pytest.fixture(scope="module")
def node_clients(document: Path) -> tuple[Path, str]:
    """The folder of the compiled programs, and what generators and compiler told."""
    folder = document.with_name("node")
    shutil.copytree(PROGRAMS, folder)
    (folder / "node_modules").symlink_to(GENERATORS / "node_modules")
    shown = [block.content for page in ENGLISH_GUIDE for block in list_blocks(page) if block.info == "ts"]
    (folder / "guide.ts").write_text(GUIDE_NAMES + "".join(f"void (async () => {{\n{b}}});\n" for b in shown))
    told = run(NODE_TOOLS / "openapi-ts", "--input", document, "--output", folder / "hey_api")
    options = ("--default-non-nullable", "false", "--output", folder / "schema.d.ts")
    told += run(NODE_TOOLS / "openapi-typescript", document, *options)
    made = ("--target", "es2022", "--module", "commonjs", "--outDir", folder / "js")
    told += run(NODE_TOOLS / "tsc", "--strict", "--skipLibCheck", *made, *folder.glob("*.ts"))
    return folder / "js", told


@needs_generators
@needs_node
def test_generators_of_typescript_warn_of_nothing(node_clients: tuple[Path, str]) -> None:
    assert not re.search("warn|⚠|error", node_clients[1], re.IGNORECASE)


@needs_generators
@needs_node
@pytest.mark.parametrize("program", ["hey_api", "openapi_fetch"])
def test_a_generated_typescript_client_uploads_trains_predicts_and_draws(
    program: str, node_clients: tuple[Path, str], new_settings: Callable[[], Settings]
) -> None:
    settings = new_settings()
    app = create_app(settings)
    with serving(app) as url:
        command = ("node", node_clients[0] / f"{program}.js", f"{url}/v1", TABLE)
        client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with client:
            assert client.stdout is not None
            try:
                if job_id := client.stdout.readline().strip():
                    run_job(job_id, None, app.state.sessions, settings, work_of=HANDLERS.__getitem__)
                told, failure = client.communicate(timeout=60)
            finally:
                client.kill()
    assert client.returncode == 0, failure
    answer = json.loads(told)
    assert answer["predictions"] == pytest.approx([2.0, 3.0], abs=1e-6)
    assert answer["picture"] == "PNG"
