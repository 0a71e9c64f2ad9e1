"""What the command line asks of a service, and what it prints of the answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from kan_engine.formulas.trace import SearchTrace, TraceStep
from service.cli import app
from service.cli.commands import predict
from service.cli.support.completion import model_names
from service.client import Client, Dataset
from service.db.session import Sessions
from service.db.tables import Model
from tests.support.factories import EDGES, finish_job, make_job, make_model, make_symbolic, start_job
from tests.support.servers import free_port

Kan = Callable[..., Any]
LAW: dict[str, Any] = {
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
}


@pytest.fixture
def law(sessions: Sessions) -> Model:
    from kan_engine.expressions.evaluation import Variable, to_json

    tree = to_json(Variable("x1") + Variable("x2") ** 2)
    symbolic = {"exact": True, "verdict": "exact", "outputs": [LAW | {"tree": tree}]}
    return make_model(sessions, name=f"law {uuid4()}", edges=EDGES, symbolic=symbolic)


@pytest.fixture
def dataset(url: str) -> Dataset:
    with Client(url) as client:
        x = [float(number) for number in range(30)]
        return client.upload({"x": x, "y": [2 * value for value in x]}, name="line", units={"x": "m"})


def document(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("words", [["models"], ["models", "list"]])
def test_models_are_listed_in_whole_lines(kan: Kan, law: Model, words: list[str]) -> None:
    lines = [line.split("\t") for line in kan(*words).stdout.splitlines()]
    (mine,) = [line for line in lines if line[0] == law.id]
    assert mine[1:5] == [law.name, "1", "", "y"]
    assert datetime.fromisoformat(mine[5]).tzinfo


def test_a_list_without_its_name_takes_its_options(kan: Kan, law: Model) -> None:
    assert [model["id"] for model in document(kan("models", "--json", "--name", law.name))["items"]] == [
        law.id
    ]


def test_a_model_is_told_with_its_formula(kan: Kan, law: Model) -> None:
    shown = kan("models", "show", law.name).stdout
    assert f"model:     {law.name}, version 1 ({law.id})" in shown
    assert "formula:   y = x1 + x2**2\nverdict:   exact" in shown
    assert document(kan("models", "show", law.name, "--json"))["id"] == law.id


def test_a_card_comes_in_words_and_as_a_document(kan: Kan, law: Model) -> None:
    assert kan("models", "card", law.name).stdout.startswith("# Model")
    assert document(kan("models", "card", law.name, "--json"))["model_id"] == law.id


def test_a_formula_comes_in_the_language_that_is_wished(kan: Kan, law: Model) -> None:
    assert kan("formula", law.name).stdout == "x1 + x2**2\n"
    assert kan("formula", law.name, "--format", "latex").stdout == "x_{1} + x_{2}^{2}\n"
    assert document(kan("formula", law.name, "--json"))["outputs"][0]["expression"] == "x1 + x2**2"


def test_a_picture_is_written_and_its_place_said(kan: Kan, law: Model, tmp_path: Path) -> None:
    path = Path(kan("plot", law.name).stdout.rstrip("\n"))
    assert path.parent == tmp_path
    assert path.read_text().startswith("<svg")
    assert document(kan("plot", law.name, "--out", "a.svg", "--json")) == {"picture": "a.svg"}
    assert (tmp_path / "a.svg").read_bytes() == path.read_bytes()


def test_every_picture_has_its_name_and_its_kind(kan: Kan, law: Model, tmp_path: Path) -> None:
    assert kan("plot", law.name, "--out", "a.png", "--width", "300", "--theme", "dark").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    refused = kan("plot", law.name, "--name", "importance")  # of a model without the numbers for it
    assert (refused.exit_code, "train it again" in refused.stderr) == (1, True)
    assert kan("plot", law.name, "--name", "error_by_grid").exit_code == 1
    assert kan("plot", law.name, "--name", "portrait").exit_code == 2
    assert kan("plot", law.name, "--out", "a.gif").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_model_is_written_to_a_file(kan: Kan, law: Model, tmp_path: Path) -> None:
    path = Path(kan("models", "export", law.name, "--format", "python").stdout.rstrip("\n"))
    assert path.suffix == ".py"
    assert "numpy" in path.read_text()
    assert document(kan("models", "export", law.name, "--out", "a.kan", "--json"))["format"] == "safetensors"
    assert (tmp_path / "a.kan").stat().st_size > 0


def test_rows_become_values(kan: Kan, law: Model, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x1,x2\n0.1,1\n0.9,-1.5\n30,0\n")
    plain = kan("predict", law.name, "rows.csv")
    values = [json.loads(line) for line in plain.stdout.splitlines()]
    assert plain.stderr.startswith("warnings about the rows: 1; the first: row 2, column 'x1'")
    told = document(kan("predict", law.name, "rows.csv", "--json", "--interval", "0.5"))
    assert told["predictions"] == values
    assert len(told["intervals"]) == 3
    assert told["warnings"] == [{"row": 2, "column": "x1", "code": "outside_training_range"}]
    first = json.loads(kan("predict", law.name, "rows.csv", "--interval", "0.5").stdout.splitlines()[0])
    assert first == {"prediction": values[0], "low": told["intervals"][0][0], "high": told["intervals"][0][1]}


def test_rows_are_predicted_by_the_formula_where_that_is_wished(
    kan: Kan, sessions: Sessions, tmp_path: Path
) -> None:
    from kan_engine.expressions.evaluation import Variable

    formula = make_symbolic("approximation", Variable("x1") + 1)
    model = make_model(sessions, symbolic=formula, name="told")
    (tmp_path / "rows.csv").write_text("x1,x2\n0.1,1\n30,0\n")
    told = document(kan("predict", model.name, "rows.csv", "--by", "formula", "--json"))
    assert (told["by"], told["predictions"]) == ("formula", [1.1, 31.0])
    assert document(kan("predict", model.name, "rows.csv", "--json"))["by"] == "accurate"
    far = kan("predict", model.name, "rows.csv", "--interval", "0.5").stdout.splitlines()[1]
    assert json.loads(far) | {"prediction": 0} == {"prediction": 0, "low": None, "high": None}
    refused = kan("predict", model.name, "rows.csv", "--by", "compact")
    assert (refused.exit_code, "formula" in refused.stderr) == (1, True)


def test_many_rows_are_asked_for_in_parts(
    kan: Kan, law: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.csv").write_text("x1,x2\n0.1,1\n0.9,-1.5\n0.5,0\n30,0\n0.1,0.1\n")
    whole = document(kan("predict", law.name, "rows.csv", "--json"))
    monkeypatch.setattr(predict, "_request_predictions", partial(predict._request_predictions, batch_rows=2))
    assert document(kan("predict", law.name, "rows.csv", "--json")) == whole


def test_a_model_is_measured_on_labelled_rows_and_the_result_listed(
    kan: Kan, law: Model, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    rows = [(x / 30, 1 - x / 30) for x in range(30)]
    file.write_text("x1,x2,y\n" + "".join(f"{x1},{x2},{x1 + x2**2}\n" for x1, x2 in rows))
    told = kan("evaluate", law.name, str(file)).stdout
    assert told.startswith("verdict:")
    assert "rmse" in told
    measured = document(kan("models", "evaluate", law.name, str(file), "--by", "formula", "--json"))
    assert (measured["by"], measured["rows"], measured["verdict"]) == ("formula", 30, "holds")
    listed = document(kan("models", "evaluations", law.name, "--json"))["items"]
    assert listed[0]["by"] == "formula"
    assert len(listed) == 2
    with Client(url) as client:
        assert [each.name for each in client.datasets("rows")] == []


def test_datasets_are_listed_shown_and_deleted(kan: Kan, dataset: Dataset) -> None:
    (mine,) = [line for line in kan("datasets").stdout.splitlines() if line.startswith(dataset.id)]
    assert mine.split("\t")[1:4] == ["line", "30", "2"]
    assert kan("datasets", "show", dataset.id).stdout.splitlines()[0].startswith("x\tnumber\tm\t0\t30\t0")
    assert document(kan("datasets", "show", dataset.id, "--json"))["units"] == {"x": "m"}
    assert document(kan("datasets", "delete", dataset.id, "--json")) == {"deleted": dataset.id}
    assert kan("datasets", "show", dataset.id).exit_code == 1


def test_jobs_are_listed_shown_cancelled_and_done_again(kan: Kan, url: str, dataset: Dataset) -> None:
    with Client(url) as client:
        job = client.submit(dataset, "y")
    assert f"the job {job.id} is cancelled" in kan("jobs", "cancel", job.id).stdout
    (mine,) = [line for line in kan("jobs", "--status", "cancelled").stdout.splitlines() if job.id in line]
    assert mine.split("\t")[1:4] == ["train", "cancelled", "0%"]
    shown = kan("jobs", "show", job.id).stdout
    assert "status:   cancelled\n" in shown
    again = document(kan("jobs", "retry", job.id, "--json"))
    assert (again["retry_of"], again["status"]) == (job.id, "queued")
    assert "retry of: " + job.id in kan("jobs", "show", again["id"]).stdout
    assert document(kan("jobs", "cancel", again["id"], "--keep-best", "--json"))["id"] == again["id"]


def test_a_job_is_shown_with_the_steps_of_its_search(kan: Kan, sessions: Sessions) -> None:
    job_id = make_job(sessions).id
    assert "search:" not in kan("jobs", "show", job_id).stdout
    step = TraceStep(strategy="rational", path=("groups",), seconds=1.234, proposed=9, entered=2, error=0.5)
    steps = (replace(step, best="a/b", outcome="time limit"),) * 400
    trace = SearchTrace(steps, "time limit")
    finish_job(sessions, job_id, start_job(sessions, job_id), trace=trace)
    shown = kan("jobs", "show", job_id)
    assert "search:   time limit\n" in shown.stdout
    assert shown.stdout.endswith("\ngroups > rational\t1.23\t9\t2\t0.5\ttime limit\t\n")
    left_out = trace.to_dict()["left_out"]
    assert left_out
    assert f"steps not shown, in the middle: {left_out}" in shown.stderr
    assert document(kan("jobs", "show", job_id, "--json"))["trace"] == trace.to_dict()


def test_a_deleted_model_is_gone(kan: Kan, law: Model) -> None:
    assert f"deleted {law.name}, version 1" in kan("models", "delete", law.id).stdout
    gone = kan("models", "show", law.id)
    assert (gone.exit_code, gone.stdout) == (1, "")
    assert gone.stderr.startswith("kan-service: there is no model")


def test_a_bad_table_is_told_with_its_lines(kan: Kan, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("x,y\n1,2\n1,2,3\n1\n4,5\n")
    refused = kan("train", "bad.csv", "--target", "y")
    first, *others = refused.stderr.splitlines()
    assert refused.exit_code == 1
    assert first.startswith("kan-service: bad.csv: line 3 has 3 cells, the header has 2; give")
    assert others == ["  also line 4 has 1 cells, the header has 2"]


def test_equations_that_are_refused_are_told_with_their_place(kan: Kan, tmp_path: Path) -> None:
    from service.schemas.equations import EXAMPLE_REQUEST

    (tmp_path / "decay.json").write_text(
        json.dumps(EXAMPLE_REQUEST | {"equations": ["Derivative(y(x), x) + z(x)"]})
    )
    refused = kan("solve", "decay.json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("kan-service: decay.json: #/equations/0: unknown function 'z'")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--vary", "network.gird=3,10"], "network.gird: there is no such setting; correct its name"),
        (["--vary", "network.grid=3,10", "--refine"], "refine needs a shape"),
    ],
)
def test_settings_that_no_training_has_are_told_and_nothing_stays(
    kan: Kan, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "line.csv").write_text("x,y\n" + "".join(f"{x},{2 * x}\n" for x in range(30)))
    before = kan("datasets").stdout
    refused = kan("study", "line.csv", "--target", "y", *words)
    assert (refused.exit_code, told in refused.stderr) == (1, True)
    assert kan("datasets").stdout == before


def test_a_file_that_cannot_be_written_is_said(kan: Kan, law: Model) -> None:
    ended = kan("plot", law.name, "--out", "/no/such/folder/a.svg")
    assert (ended.exit_code, ended.stderr) == (
        1,
        "kan-service: No such file or directory: /no/such/folder/a.svg\n",
    )


def test_rows_that_are_no_table_are_told_with_their_line(kan: Kan, law: Model, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"x1": 1, "x2": 2}\n[1, 2]\n')
    ended = kan("predict", law.name, "rows.jsonl")
    assert (ended.exit_code, "rows.jsonl: line 2 is not a JSON object" in ended.stderr) == (1, True)


def test_predictions_go_to_files_of_known_kinds_alone(kan: Kan, law: Model, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x1,x2\n0.1,1\n")
    assert kan("predict", law.name, "rows.csv", "--out", "a.xlsx").exit_code == 2


def test_a_tab_offers_the_models_that_begin_so(url: str, law: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(url) as client:
        client.change(law.id, alias="live")
    context: Any = SimpleNamespace(params={"server": url})
    assert model_names(context, law.name[:10]) == [law.name, f"{law.name}@live"]
    assert model_names(context, "nothing begins so") == []


def test_a_tab_starts_nothing_and_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path / "none"))
    context: Any = SimpleNamespace(params={})
    assert model_names(context, "") == []
    monkeypatch.setenv("KANSERVICE_URL", f"http://127.0.0.1:{free_port()}")
    assert model_names(context, "") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("kan-service s", ["solve", "study", "serve", "settings"]),
        ("kan-service jobs c", ["cancel"]),
        ("kan-service jobs ", ["list", "show", "cancel", "retry"]),
    ],
)
def test_a_tab_offers_the_commands(typed: str, offered: list[str]) -> None:
    environment = {
        "_KAN_SERVICE_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    result = CliRunner().invoke(app, [], prog_name="kan-service", env=environment)
    assert result.stdout.split() == offered
