"""Commands about datasets and models by name, lists by filters, versions of models, and messages."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.client import Client, Dataset
from service.db.session import Sessions
from service.db.tables import Model
from tests.support.factories import EDGES, make_model, make_symbolic

Kan = Callable[..., Any]


@pytest.fixture
def name() -> str:
    return f"line {uuid4()}"


@pytest.fixture
def datasets(url: str, name: str) -> list[Dataset]:
    """Two of one name, the older one first."""
    with Client(url) as client:
        x = [float(number) for number in range(30)]
        return [client.upload({"x": x, "y": [2 * value for value in x]}, name=name) for _ in range(2)]


@pytest.fixture
def law(sessions: Sessions, name: str) -> Model:
    from kan_engine.expressions.evaluation import Variable

    formula = make_symbolic("approximation", Variable("x1") + 1)
    return make_model(sessions, name=name, edges=EDGES, symbolic=formula)


def document(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def listed(result: Any) -> list[str]:
    return [each["id"] for each in document(result)["items"]]


def test_the_version_is_that_of_the_package(kan: Kan) -> None:
    assert kan("--version").stdout == f"kan-service {version('kan-service')}\n"


def test_a_dataset_is_shown_and_deleted_by_name(kan: Kan, name: str, datasets: list[Dataset]) -> None:
    shown = kan("datasets", "show", name, "--json")
    assert document(shown)["id"] == datasets[1].id
    assert f"several datasets have the name '{name}'; this is the newest, {datasets[1].id}" in shown.stderr
    assert document(kan("datasets", "delete", name, "--json")) == {"deleted": datasets[1].id}
    last = kan("datasets", "show", name, "--json")
    assert (document(last)["id"], last.stderr) == (datasets[0].id, "")


def test_a_dataset_is_changed_in_what_is_given(kan: Kan, datasets: list[Dataset]) -> None:
    change = ("datasets", "change", datasets[0].id, "--json")
    first = document(kan(*change, "--unit", "x=m", "--type", "y=category", "--tag", "site=north"))
    assert (first["units"], first["types"], first["tags"]) == (
        {"x": "m"},
        {"y": "category"},
        {"site": "north"},
    )
    second = document(
        kan(*change, "--name", "new", "--type", "x=category", "--type", "y=auto", "--tag", "a=b")
    )
    assert (second["name"], second["types"]) == ("new", {"x": "category"})
    assert (second["units"], second["tags"]) == ({"x": "m"}, {"site": "north", "a": "b"})
    assert document(kan(*change, "--remove-tag", "site"))["tags"] == {"a": "b"}
    assert kan(*change).exit_code == 2
    assert (kan(*change, "--remove-tag", "none").exit_code, kan(*change, "--type", "y").exit_code) == (2, 2)


def test_a_type_that_a_column_cannot_have_is_told_by_its_option(kan: Kan, datasets: list[Dataset]) -> None:
    refused = kan("datasets", "change", datasets[0].id, "--type", "z=number")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("kan-service: --type: there is no column 'z'")


def test_lists_are_filtered(kan: Kan, name: str, datasets: list[Dataset], law: Model) -> None:
    older, newer = (each.id for each in datasets)
    kan("datasets", "change", newer, "--tag", f"site={name}")
    assert listed(kan("datasets", "--json", "--name", name, "--sort", "oldest")) == [older, newer]
    assert listed(kan("datasets", "--json", "--tag", f"site={name}", "--since", "2026-01-01")) == [newer]
    assert listed(kan("datasets", "--json", "--search", name[5:], "--until", "2026-01-01T12:00")) == []
    assert listed(kan("models", "--json", "--search", name, "--target", "y", "--sort", "name")) == [law.id]
    assert listed(kan("models", "--json", "--name", name, "--dataset", older)) == []
    assert kan("datasets", "--since", "yesterday").exit_code == 2


def test_jobs_are_listed_by_what_they_use(kan: Kan, url: str, name: str, datasets: list[Dataset]) -> None:
    with Client(url) as client:
        job = client.submit(datasets[1], "y", name="mine")
        client.cancel(job)
    wanted = "--status cancelled --kind train --name mine"
    assert listed(kan("jobs", "--json", "--dataset", name, *wanted.split())) == [job.id]
    assert listed(kan("jobs", "--json", "--dataset", datasets[0].id)) == []


def test_models_are_compared_in_columns(kan: Kan, sessions: Sessions, law: Model) -> None:
    other = make_model(sessions, name=law.name)
    told = kan("models", "compare", law.id, other.id)
    head = told.stdout.splitlines()[0].split()
    assert (told.exit_code, head) == (0, ["hold-out:", law.id, other.id])
    assert f"formula:   {law.id}: y = x1 + 1" in told.stdout
    assert "warning: " in told.stderr
    assert len(document(kan("models", "compare", law.id, other.id, "--json"))["models"]) == 2
    assert kan("models", "compare", law.id).exit_code == 2


def test_an_alias_is_set_listed_and_removed(kan: Kan, law: Model) -> None:
    assert kan("models", "alias", law.name, "live").stdout == f"{law.name}@live\t1\t{law.id}\n"
    assert document(kan("models", "alias", f"{law.name}@live", "--json"))["items"][0]["model_id"] == law.id
    assert kan("models", "alias", law.name, "best", "--remove").exit_code == 2
    assert kan("models", "alias", law.name, "--remove").stdout == ""


def test_an_exported_model_is_imported_from_a_file_or_standard_input(
    kan: Kan, law: Model, tmp_path: Path
) -> None:
    kan("models", "export", law.id, "--out", "a.kan")
    told = document(kan("models", "import", "a.kan", "--name", f"{law.name} 2", "--json"))
    assert (told["name"], told["version"]) == (f"{law.name} 2", 1)
    again = kan("models", "import", "-", "--name", f"{law.name} 2", text=(tmp_path / "a.kan").read_bytes())
    assert f"model:     {law.name} 2, version 2" in again.stdout
    assert kan("models", "import", "b.kan").exit_code == 2


def test_edges_are_listed_as_fix_names_them(kan: Kan, law: Model) -> None:
    assert kan("models", "edges", law.id).stdout.startswith("0,0,0\t")
    assert document(kan("models", "edges", law.id, "--json"))["edges"][0]["layer"] == 0


def test_all_formulas_are_listed_with_the_number_to_choose(kan: Kan, law: Model) -> None:
    rows = [line.split("\t") for line in kan("formula", law.id, "--all").stdout.splitlines()]
    pareto = document(kan("formula", law.id, "--json"))["outputs"][0]["pareto"]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("y", str(place), each["expression"]) for place, each in enumerate(pareto)
    ]


@pytest.mark.parametrize("kind", ["datasets", "models", "jobs"])
def test_what_is_not_there_is_told_with_the_command_that_lists(kan: Kan, kind: str) -> None:
    refused = kan(kind, "show", "nothing")
    assert refused.exit_code == 1
    assert refused.stderr.endswith(f" 'nothing'; 'kan-service {kind} list' lists them\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--weight w", "--weight: there is no column 'w'"),
        ("--weight y --target-error x", "the weights follow from --target-error; omit --weight"),
        ("--form a*x --no-formula", "a form is a formula; omit --no-formula"),
        ("--max-seconds 1e9", "--max-seconds may be at most"),
    ],
)
def test_mistakes_are_told_by_their_options(
    kan: Kan, datasets: list[Dataset], options: str, told: str
) -> None:
    refused = kan("train", datasets[0].id, "--target", "y", *options.split())
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"kan-service: {told}")


def test_predictions_for_a_dataset_need_a_file(kan: Kan, law: Model, datasets: list[Dataset]) -> None:
    refused = kan("predict", law.id, datasets[0].id)
    assert (refused.exit_code, "--out" in refused.stderr) == (2, True)


def test_rows_are_predicted_from_standard_input(kan: Kan, law: Model) -> None:
    answered = kan("predict", law.id, "-", "--by", "formula", text='{"x1": 1, "x2": 0}\n{"x1": 2, "x2": 0}\n')
    assert answered.stdout == "2.0\n3.0\n"
