"""What a client does besides waiting for jobs: tables, models, predictions, and refusals."""

import inspect
import pydoc
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kan_engine.expressions.evaluation import Variable
from kan_engine.formulas.trace import SearchTrace, TraceStep
from service.client import ApiError, AsyncClient, Client, Dataset, Model, Unreachable
from service.db.session import Sessions
from service.db.tables import Model as Row
from tests.integration.service.client.conftest import QUICK, Way, answer, lose_the_answer
from tests.support.factories import (
    EDGES,
    FIGURES,
    finish_job,
    make_job,
    make_model,
    make_predictor,
    make_symbolic,
    start_job,
)
from tests.support.servers import free_port

DAYS = [datetime(2026, 1, day) for day in (1, 2, 3)]
COLUMNS = {
    "x": [0.5, None, 2.5],
    "n": [1, 2, None],
    "is_new": [True, None, False],
    "kind": ["a", "b", None],
    "day": [*DAYS[:2], None],
}
TYPES = ["number", "integer", "boolean", "category", "datetime"]
LAW = {
    "name": "y",
    "expression": "x1 + x2**2",
    "latex": "x_{1} + x_{2}^{2}",
    "symbols": {},
    "complexity": 4,
    "r2": 1.0,
    "rmse": 0.0,
    "max_error": 0.0,
    "domain": {"x1": [0.0, 1.0]},
    "pareto": [{"expression": "x1", "complexity": 1, "rmse": 0.5, "r2": 0.9}],
}


@pytest.fixture
def law(sessions: Sessions) -> Row:
    from kan_engine.expressions.evaluation import Variable, to_json

    tree = to_json(Variable("x1") + Variable("x2") ** 2)
    return make_model(sessions, edges=EDGES, symbolic={"exact": True, "outputs": [LAW | {"tree": tree}]})


def as_file(path: Path) -> Path:
    pl.DataFrame(COLUMNS).write_parquet(path)
    return path


FORMS: dict[str, Callable[[Path], Any]] = {
    "path": lambda folder: as_file(folder / "table.parquet"),
    "text": lambda folder: str(as_file(folder / "table.parquet")),
    "open file": lambda folder: as_file(folder / "table.parquet").open("rb"),
    "columns": lambda _: COLUMNS,
    "rows": lambda _: [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)],
    "polars": lambda _: pl.DataFrame(COLUMNS),
    "pandas": lambda _: pd.DataFrame(COLUMNS).astype({"n": "Int64", "is_new": "boolean"}),
    "series": lambda _: dict(pd.DataFrame(COLUMNS).astype({"n": "Int64", "is_new": "boolean"}).items()),
}


# Both clients make the same requests of a table; each sends them by itself, with a file and without.
@pytest.mark.parametrize(
    ("kan", "form"),
    [*(("sync", form) for form in FORMS), ("async", "open file"), ("async", "columns")],
    indirect=["kan"],
)
def test_a_table_is_taken_in_every_form(kan: Any, tmp_path: Path, form: str) -> None:
    table = FORMS[form](tmp_path)
    dataset = kan.upload(table, name="mine", units={"x": "m"})
    if hasattr(table, "close"):
        table.close()
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.rows, dataset.units) == ("mine", 3, {"x": "m"})
    assert [(c.name, c.type, c.missing) for c in dataset.columns] == [
        (name, kind, 1) for name, kind in zip(COLUMNS, TYPES, strict=True)
    ]
    assert kan.dataset(dataset.id) == dataset
    assert kan.preview(dataset, limit=1).rows[0]["kind"] == "a"


def test_arrays_are_columns_and_nan_is_missing(kan: Any) -> None:
    days = np.array(DAYS, dtype="datetime64[ns]")
    dataset = kan.upload({"x": np.array([1.5, np.nan, 2.5]), "n": np.arange(3), "day": days})
    assert [(c.type, c.missing) for c in dataset.columns] == [("number", 1), ("integer", 0), ("datetime", 0)]


@pytest.mark.parametrize("table", [3, {"x": 1.0}, {"x": "abc"}, [1, 2], np.eye(2)], ids=repr)
def test_what_is_no_table_is_told_so(kan: Any, table: Any) -> None:
    with pytest.raises(TypeError, match="list"):
        kan.upload(table)


def test_a_dataset_without_a_name_has_that_of_its_file(kan: Any, tmp_path: Path) -> None:
    (tmp_path / "größe.csv").write_text("x,y\n1,2\n3,4\n")
    assert kan.upload(tmp_path / "größe.csv").name == "größe"


@pytest.mark.parametrize("limits", [replace(QUICK, max_page_items=2)])
def test_lists_go_on_over_all_pages(kan: Any) -> None:
    uploaded = [kan.upload({"x": [1.0, 2.0]}).id for _ in range(5)]
    ids = [dataset.id for dataset in kan.datasets()]
    assert ids[:5] == uploaded[::-1]
    assert len(set(ids)) == len(ids)


def test_what_is_deleted_is_gone(kan: Any, law: Row) -> None:
    dataset = kan.upload({"x": [float(x) for x in range(30)], "y": [2.0 * x for x in range(30)]})
    for thing, show in (
        (kan.upload({"x": [1.0, 2.0]}), kan.dataset),
        (kan.model(law.id), kan.model),
        (kan.cancel(kan.submit(dataset, "y")), kan.job),
    ):
        kan.delete(thing)
        with pytest.raises(ApiError) as refused:
            show(thing.id)
        assert refused.value.status == 404


def test_a_model_is_found_by_id_name_and_alias_and_changed(kan: Any, sessions: Sessions) -> None:
    name = f"two versions {uuid4()}"
    first, second = (make_model(sessions, name=name) for _ in range(2))
    model = kan.change(first.id, alias="best", tags={"by": "me"})
    assert isinstance(model, Model)
    assert (model.aliases, model.tags) == (["best"], {"by": "me"})
    assert kan.model(f"{name}@best") == model
    assert kan.model(name).id == second.id
    assert [m.id for m in kan.models(name=name)] == [second.id, first.id]
    assert kan.change(model, alias=None).aliases == []
    odd = "%2F?#ß " + name
    assert kan.change(kan.model(second.id), name=odd).name == odd
    assert kan.model(odd).id == second.id


def test_aliases_are_told_as_they_are_and_as_they_came_to_be(kan: Any, sessions: Sessions) -> None:
    name = f"with aliases {uuid4()}"
    first, second = (make_model(sessions, name=name) for _ in range(2))
    for model, alias in ((first, "live"), (second, "live"), (first, "old"), (first, None)):
        kan.change(model.id, alias=alias)
    assert [(a.alias, a.model_id, a.version) for a in kan.aliases(name)] == [("live", second.id, 2)]
    history = [(move.alias, move.model_id) for move in kan.alias_history(name)]
    assert history == [("old", None), ("old", first.id), ("live", second.id), ("live", first.id)]
    assert [move.model_id for move in kan.alias_history(name, "live")] == [second.id, first.id]


def test_a_card_comes_as_a_document_and_as_text(kan: Any, law: Row) -> None:
    card = kan.card(law.id)
    assert (card.model_id, card.target, card.formulas.verdict) == (law.id, "y", "exact")
    text = kan.card_text(kan.model(law.id))
    assert text.startswith("# ")
    assert card.formulas.outputs[0].expression in text


def test_models_are_compared_side_by_side(kan: Any, law: Row, sessions: Sessions) -> None:
    other = make_model(sessions)
    comparison = kan.compare(kan.model(law.id), other.id)
    assert [model.id for model in comparison.models] == [law.id, other.id]
    assert comparison.same_rows is None
    assert len(comparison.warnings) == 1


def test_a_model_that_was_exported_can_be_imported(kan: Any, sessions: Sessions, tmp_path: Path) -> None:
    model, rows = make_model(sessions), {"x1": [0.1], "x2": [1.0]}
    path = kan.export(model.id, "safetensors", tmp_path / "law.safetensors")
    name = f"from elsewhere {uuid4()}"
    copy = kan.import_model(path, name=name)
    assert (copy.name, copy.version) == (name, 1)
    assert kan.predict(copy, rows).values == kan.predict(model.id, rows).values
    with path.open("rb") as file:
        assert kan.import_model(file).name == model.name


def test_formulas_come_as_text_and_as_a_document(kan: Any, law: Row) -> None:
    symbolic = kan.symbolic(law.id)
    (output,) = symbolic.outputs
    assert (symbolic.exact, output.expression, output.pareto[0].r2) == (True, "x1 + x2**2", 0.9)
    assert kan.formula(law.id) == "x1 + x2**2"
    assert kan.formula(kan.model(law.id), "excel") == "=[@x1] + [@x2]^2"


def test_the_picture_comes_as_svg_and_as_a_file(kan: Any, law: Row, tmp_path: Path) -> None:
    svg = kan.plot(law.id, save=tmp_path / "law.svg")
    assert svg.startswith("<svg")
    assert (tmp_path / "law.svg").read_text() == svg
    assert kan.edges(law.id).edges[0]["function"] == "x^2"


def test_further_pictures_and_their_numbers_come_in_the_form_that_the_file_asks_for(
    kan: Any, sessions: Sessions, tmp_path: Path
) -> None:
    model = kan.model(make_model(sessions, edges=EDGES, figures=FIGURES).id)
    assert kan.figures(model).parity.true == FIGURES["parity"]["true"]
    for name in ("network", "parity"):
        svg = kan.plot(model, save=tmp_path / "picture.png", name=name, theme="dark", width=250)
        assert svg.startswith("<svg")
        assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert "Предсказанные и истинные значения" in kan.plot(model, name="parity", lang="ru")
    with pytest.raises(ApiError, match="there is no plot 'nothing'"):
        kan.plot(model, name="nothing")


def test_a_sample_is_spread_over_the_whole_table(kan: Any) -> None:
    dataset = kan.upload({"x": list(range(1000)), "y": [0.5] * 1000})
    assert len(kan.sample(dataset).rows) == 200
    sample = kan.sample(dataset.id, limit=4)
    assert (sample.columns, sample.numbers) == (["x", "y"], [0, 250, 500, 750])
    assert [row["x"] for row in sample.rows] == sample.numbers


def test_rows_of_a_model_come_with_their_part_of_the_split(kan: Any, sessions: Sessions) -> None:
    dataset = kan.upload({"x1": [0.0, 1.0, 2.0], "x2": [5.0, 4.0, 3.0], "y": [5.0, 6.0, 7.0]})
    sample = {"training": [0, 2], "hold_out": [1]}
    model = make_model(sessions, dataset_id=dataset.id, figures=FIGURES | {"sample": sample})
    found = kan.rows(model.id)
    assert (found.target, found.parts) == ([5.0, 6.0, 7.0], ["training", "hold-out", "training"])
    assert {column.name: column.values for column in found.inputs}["x2"] == [5.0, 4.0, 3.0]
    assert len(kan.rows(model.id, 2).target) == 2


def test_equations_are_typeset_and_told_what_is_wrong_in_them(kan: Any) -> None:
    found = kan.typeset(
        ["dy/dx = -k*y", "4y = 0"], ["y(0) = 1"], independent=["x"], unknowns=["y"], parameters=["k"]
    )
    right, wrong = found.equations
    assert right.latex == "{y'} = - k y"
    assert (wrong.latex, wrong.character) == (None, 2)
    assert found.conditions[0].mathml.startswith("<math")


def test_the_trace_of_a_job_has_its_steps(kan: Any, sessions: Sessions) -> None:
    job = kan.job(make_job(sessions).id)
    assert kan.trace(job).steps == []
    step = TraceStep(strategy="rational", path=("groups",), seconds=1.5, outcome="time limit")
    finish_job(sessions, job.id, start_job(sessions, job.id), trace=SearchTrace((step,), "time limit"))
    trace = kan.trace(job.id)
    assert (trace.ended, trace.left_out) == ("time limit", 0)
    assert trace.steps[0].model_dump() == step.to_dict()


def test_pictures_of_a_job_are_asked_for_at_the_job(kan: Any, sessions: Sessions) -> None:
    job = kan.job(make_job(sessions).id)
    with pytest.raises(ApiError) as refused:
        kan.plot(job, name="error_by_grid")
    assert refused.value.code == "no_plot"


def test_an_export_is_the_model_itself(kan: Any, sessions: Sessions, tmp_path: Path) -> None:
    import kan_engine

    predictor = make_predictor()
    path = kan.export(make_model(sessions, predictor).id, "safetensors", tmp_path / "law.safetensors")
    columns = {"x1": np.array([0.1]), "x2": np.array([1.0])}
    assert kan_engine.load(path.read_bytes()).predict(columns) == predictor.predict(columns)


def test_rows_columns_and_frames_are_predicted_alike(kan: Any, sessions: Sessions) -> None:
    model = kan.model(make_model(sessions).id)
    columns = {"x1": [0.1, 0.9], "x2": [1.0, -1.5]}
    rows = [{"x1": 0.1, "x2": 1.0}, {"x1": 0.9, "x2": -1.5}]
    predictions = kan.predict(model, rows, interval=0.9)
    for table in (
        columns,
        {n: np.array(v) for n, v in columns.items()},
        pl.DataFrame(columns),
        pd.DataFrame(columns),
    ):
        assert kan.predict(model.id, table, interval=0.9) == predictions
    assert predictions.array.tolist() == predictions.values
    assert (len(predictions), predictions.array.dtype, predictions.probabilities) == (2, np.float64, None)
    assert [
        low < value < high
        for value, (low, high) in zip(predictions.values, predictions.intervals, strict=True)
    ] == [True, True]


def test_the_member_that_answers_is_chosen_and_told(kan: Any, sessions: Sessions) -> None:
    model = kan.model(make_model(sessions, symbolic=make_symbolic("exact", Variable("x1") + 1)).id)
    assert model.members["formula"].verdict == "exact"
    rows = [{"x1": 0.5, "x2": 0.0}]
    found = kan.predict(model, rows)
    assert (found.by, found.values) == ("formula", [1.5])
    assert kan.predict(model, rows, by="accurate").by == "accurate"
    with pytest.raises(ApiError, match="compact"):
        kan.predict(model, rows, by="compact")


def test_contributions_come_with_the_predictions(kan: Any, sessions: Sessions) -> None:
    reference = {"rows": 2, "columns": [], "background": [[0.0, 1.0], [1.0, 0.0]]}
    model = make_model(sessions, figures=FIGURES | {"reference": reference})
    found = kan.predict(model.id, [{"x1": 0.5, "x2": 1.0}], explain=True)
    ((contributions,), (value,)) = found.contributions, found.values
    assert found.explanation.outputs[0].base + sum(contributions.values()) == pytest.approx(value)
    with pytest.raises(ValueError, match="explain=True"):
        _ = kan.predict(model.id, [{"x1": 0.5, "x2": 1.0}]).contributions


def test_a_model_is_evaluated_on_rows_and_on_datasets(kan: Any, sessions: Sessions) -> None:
    model = make_model(sessions)
    columns = {"x1": [0.5, 0.25], "x2": [1.0, 99.0], "y": [1.0, 2.0]}
    inline = kan.evaluate(model.id, columns)
    dataset = kan.upload(columns, name=f"labelled {model.id}")
    tables = (dataset, dataset.id, dataset.name)
    stored = [kan.evaluate(model.id, table, by="accurate") for table in tables]
    kept = [entry.id for entry in kan.evaluations(model.id)]
    assert kept == [*(entry.id for entry in reversed(stored)), inline.id]
    assert {entry.error for entry in stored} == {inline.error}
    assert inline.summary
    assert inline.drifted_columns == []


def test_doubts_come_with_the_predictions(kan: Any, sessions: Sessions) -> None:
    model = make_model(sessions)
    (warning,) = kan.predict(model.id, {"x1": [0.5, 99.0], "x2": [0.0, 0.0]}).warnings
    assert (warning.row, warning.column, warning.code) == (1, "x1", "outside_training_range")


def test_classes_and_several_outputs_come_as_arrays_too(kan: Any, sessions: Sessions) -> None:
    classifier = make_model(sessions, make_predictor(classes=["no", "yes"]))
    columns = {"x1": [0.1, 0.9, 0.4], "x2": [1.0, -1.5, 0.0]}
    predictions = kan.predict(classifier.id, columns)
    assert set(predictions.array.tolist()) <= {"no", "yes"}
    assert [sum(row.values()) for row in predictions.probabilities] == pytest.approx([1, 1, 1])
    several = make_model(sessions, make_predictor(outputs=2))
    predictions = kan.predict(several.id, columns)
    assert predictions.array.tolist() == [[row["y"], row["z"]] for row in predictions.values]


def test_what_there_is_is_told(kan: Any) -> None:
    before = kan.usage().datasets.count
    kan.upload({"x": [1.0, 2.0]})
    assert kan.usage().datasets.count == before + 1


def test_the_key_goes_with_every_request(kan: Any, way: Way, key: str) -> None:
    kan.usage()
    assert way.asked("GET /usage")[0]["authorization"] == f"Bearer {key}"


def test_a_refusal_says_what_is_wrong_and_where(kan: Any) -> None:
    dataset = kan.upload({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0]})
    with pytest.raises(ApiError, match="'nothing'") as refused:
        kan.submit(dataset, "nothing")
    assert (refused.value.status, refused.value.code) == (422, "unknown_column")
    with pytest.raises(ApiError) as refused:
        kan.submit(dataset, "y", name=3)
    assert refused.value.errors[0]["pointer"] == "#/name"


@pytest.mark.parametrize("name", ["nothing", "..", "a/../b", "?limit=1"])
def test_a_name_leads_to_models_and_nowhere_else(kan: Any, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        kan.model(name)
    assert refused.value.status == 404
    with pytest.raises(ValueError, match="empty"):
        kan.model("")


def test_an_answer_that_is_not_the_services_is_told_by_its_status(kan: Any, way: Way) -> None:
    way.mishaps["GET /usage"] = [answer(502)]
    with pytest.raises(ApiError, match="answered 502") as refused:
        kan.usage()
    assert refused.value.code == "http_502"


@pytest.mark.parametrize(
    "mishaps", [[answer(503, retry_after="0"), answer(429, retry_after="0")], [lose_the_answer] * 3]
)
def test_what_changes_nothing_is_asked_again(kan: Any, way: Way, mishaps: list[Any]) -> None:
    way.mishaps["GET /usage"] = list(mishaps)
    assert kan.usage().models.count >= 0
    assert len(way.asked("GET /usage")) == len(mishaps) + 1


@pytest.mark.parametrize(
    ("mishap", "error"), [(answer(503, retry_after="0"), ApiError), (lose_the_answer, Unreachable)]
)
def test_it_is_not_asked_for_ever(kan: Any, way: Way, mishap: Any, error: type[Exception]) -> None:
    way.mishaps["GET /usage"] = [mishap] * 99
    with pytest.raises(error):
        kan.usage()
    assert len(way.asked("GET /usage")) == QUICK.max_tries


@pytest.mark.parametrize(
    "mishap", [answer(503), answer(503, retry_after="9999"), answer(500, retry_after="0")]
)
def test_it_is_not_asked_again_where_that_is_no_use(kan: Any, way: Way, mishap: Any) -> None:
    way.mishaps["GET /usage"] = [mishap]
    with pytest.raises(ApiError):
        kan.usage()
    assert len(way.asked("GET /usage")) == 1


def test_an_upload_whose_answer_was_lost_is_not_done_twice(kan: Any, way: Way) -> None:
    before = kan.usage().datasets.count
    way.mishaps["POST /datasets"] = [lose_the_answer]
    with pytest.raises(Unreachable):
        kan.upload({"x": [1.0, 2.0]})
    assert kan.usage().datasets.count == before + 1


def test_a_job_whose_answer_was_lost_is_submitted_once(kan: Any, way: Way) -> None:
    dataset = kan.upload({"x": [float(x) for x in range(30)], "y": [2.0 * x for x in range(30)]})
    way.mishaps["POST /jobs"] = [lose_the_answer, answer(503, retry_after="0")]
    job = kan.submit(dataset, "y")
    assert (job.status, job.dataset_id) == ("queued", dataset.id)
    assert [j.id for j in kan.jobs() if j.dataset_id == dataset.id] == [job.id]
    assert len({headers["idempotency-key"] for headers in way.asked("POST /jobs")}) == 1
    assert kan.submit(dataset, "y").id != job.id
    again = {kan.submit(dataset, "y", idempotency_key=f"mine for {dataset.id}").id for _ in range(2)}
    assert len(again) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "127.0.0.1:8000"])
def test_a_service_that_is_not_there_is_said(url: str) -> None:
    with (
        Client(url.format(port=free_port())) as client,
        pytest.raises(Unreachable, match="cannot be reached"),
    ):
        client.usage()


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, tuple[str, str]]:
        found = inspect.getmembers(client, inspect.isfunction)
        return {
            name: (str(inspect.signature(method)).replace("Async", ""), method.__doc__)
            for name, method in found
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


def test_the_methods_of_the_blocking_client_are_ordinary_functions() -> None:
    signature = inspect.signature(Client.datasets)
    assert signature.return_annotation == "Iterator[Dataset]"
    assert not inspect.iscoroutinefunction(Client.upload)
    assert "upload(self, table: 'File | Table'" in pydoc.render_doc(Client, renderer=pydoc.plaintext)


def test_the_client_is_light_to_import() -> None:
    heavy = {"torch", "numpy", "polars", "pandas", "sqlalchemy", "fastapi", "celery"}
    code = f"import sys; from service.client import Client; print({heavy} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
