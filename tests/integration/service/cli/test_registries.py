"""What is registered in one place is offered everywhere: over HTTP, by commands, in the list of the page."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

import kan_engine
from kan_engine.expressions.evaluation import Variable, to_json
from kan_engine.expressions.library import LIBRARY, Function
from kan_engine.expressions.printing.languages import LANGUAGES, Language
from service.api.routes.exports import DIFFERENCE_HEADER
from service.db.session import Sessions
from service.documents.plots import PLOTS, read_plot_words
from service.operations.jobs.admission import ADMISSIONS
from service.operations.models.model_formats import MODEL_FORMATS, ModelFormat
from service.rendering import charts
from service.schemas.job_kinds import JOB_KINDS
from service.settings import Settings
from tests.support.factories import EDGES, make_model, make_predictor
from worker.jobs.registry import HANDLERS

ROOT = Path(__file__).parents[4]
Kan = Callable[..., Any]
TREE = Variable("x1") + Variable("x2") ** 2
OUTPUT: dict[str, Any] = {
    "name": "y",
    "expression": "x1 + x2**2",
    "latex": "x_{1} + x_{2}^{2}",
    "symbols": {},
    "complexity": 4,
    "r2": 1.0,
    "rmse": 0.0,
    "max_error": 0.0,
    "domain": {"x1": [0.0, 1.0]},
    "pareto": [],
    "tree": to_json(TREE),
}


@pytest.fixture
def law(sessions: Sessions) -> str:
    symbolic = {"exact": True, "verdict": "exact", "outputs": [OUTPUT]}
    return make_model(sessions, name=f"law {uuid4()}", edges=EDGES, symbolic=symbolic).name


def test_a_language_is_offered_by_the_api_the_commands_and_the_list(
    url: str, kan: Kan, law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shout = Language(
        name="shout",
        title="Shouted",
        write=lambda formulas: "\n".join(each.text.upper() for each in formulas),
    )
    monkeypatch.setitem(LANGUAGES, "shout", shout)
    answer = httpx.get(f"{url}/models/{law}/symbolic", params={"format": "shout"})
    assert answer.text == "X1 + X2**2\n"
    assert kan("formula", law, "--format", "shout").stdout == "X1 + X2**2\n"
    listed = httpx.get(f"{url}/formats").json()["formulas"]
    assert listed[-1] == {"name": "shout", "title": "Shouted"}


def test_a_format_of_models_is_offered_by_the_api_the_commands_and_the_list(
    url: str, kan: Kan, law: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = ModelFormat(
        name="plain",
        title="Plain",
        about="a word",
        ending="txt",
        media_type="text/plain",
        write=lambda model, members, columns: (
            b"a word",
            {"accurate": kan_engine.predict_rows(members.accurate, columns)},
        ),
    )
    monkeypatch.setitem(MODEL_FORMATS, "plain", plain)
    assert httpx.get(f"{url}/models/{law}/export", params={"format": "plain"}).content == b"a word"
    assert kan("models", "export", law, "--format", "plain").exit_code == 0
    (written,) = tmp_path.glob("*.txt")
    assert written.read_text() == "a word"
    assert httpx.get(f"{url}/formats").json()["models"][-1]["ending"] == "txt"


def test_a_name_that_is_not_registered_is_refused_with_those_that_are(url: str, kan: Kan, law: str) -> None:
    answer = httpx.get(f"{url}/models/{law}/symbolic", params={"format": "runes"})
    assert answer.status_code == 422
    assert "'latex'" in answer.text
    assert "runes" not in [each["name"] for each in httpx.get(f"{url}/formats").json()["formulas"]]
    assert kan("formula", law, "--format", "runes").exit_code != 0


def test_a_function_is_fixed_on_an_edge_exported_and_listed(
    url: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    bump = Function(
        name="bump",
        of=lambda u: u / (1 + u * u),
        slope=lambda u: (1 - u * u) / (1 + u * u) ** 2,
        complexity=4,
        form=lambda u, call: u / (1 + u**2),
    )
    monkeypatch.setitem(LIBRARY, "bump", bump)
    predictor = make_predictor({"x": np.linspace(-2.0, 2.0, 50).tolist()}, hidden=())
    encoded = predictor.inputs.forward(np.linspace(-2.0, 2.0, 50)[:, None])
    import torch

    kan_engine.fix_edges_(predictor.network, {(0, 0, 0): "bump"}, torch.from_numpy(encoded))
    model = make_model(sessions, predictor, name=f"bumpy {uuid4()}", edges=EDGES)
    assert "bump" in httpx.get(f"{url}/models/{model.id}/edges").json()["functions"]
    rows = {"model": model.id, "columns": {"x": [0.5, -1.0]}}
    predicted = httpx.post(f"{url}/predict", json=rows).json()["predictions"]
    columns = {"x": np.array([0.5, -1.0])}
    for kind in ("onnx", "python", "safetensors"):
        answer = httpx.get(f"{url}/models/{model.id}/export", params={"format": kind})
        assert answer.status_code == 200, answer.text
        assert float(answer.headers[DIFFERENCE_HEADER]) < 1e-9
    np.testing.assert_allclose(predictor.predict(columns), np.ravel(predicted), rtol=1e-12)


def test_a_kind_of_job_and_a_picture_are_offered_by_the_api_the_worker_and_the_commands(
    settings: Settings,
) -> None:
    """In a process of its own: schemas and choices are built when the API and the commands are imported."""
    where = {"KAN_DATA_DIR": str(settings.data_dir), "KAN_DATABASE_URL": str(settings.database_url)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.toy_entries"],
        cwd=ROOT,
        env=os.environ | where,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "202 queued",
        "echo succeeded",
        "hello",
        "True echo dot",
        "True",
        "echo",
        "<svg>y</svg>",
    ]


def test_every_kind_of_job_has_an_admission_and_a_handler() -> None:
    assert JOB_KINDS.keys() == ADMISSIONS.keys()
    assert JOB_KINDS.keys() <= HANDLERS.keys()


def test_every_picture_has_a_module_and_russian_words() -> None:
    assert PLOTS.keys() == read_plot_words("ru").keys()
    assert [name for name in PLOTS if find_spec(f"{charts.__name__}.{name}") is None] == []
