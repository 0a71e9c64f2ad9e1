"""The registry of models over HTTP: aliases and their history, cards, models side by side."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from kan_engine.expressions.evaluation import Variable, to_json
from service.db.session import Sessions
from service.db.tables import Model
from tests.support.factories import make_dataset, make_model, make_predictor

PREDICTOR = make_predictor()
SPLIT = {"kind": "random", "seed": 0, "training_rows": 70, "validation_rows": 10, "test_rows": 20}
REQUEST = {"split": {"kind": "random", "test_fraction": 0.2, "seed": 0}, "seed": 7}
LINEAGE = {"dataset_sha256": "a" * 64, "code_version": "0.1.0", "request": REQUEST}
FORMULA = {
    "name": "y",
    "expression": "x1 + 2*x2",
    "symbols": {},
    "complexity": 5,
    "r2": 1.0,
    "rmse": 0.0,
    "max_error": 0.0,
    "domain": {"x1": [0.0, 1.0]},
    "pareto": [],
}
SYMBOLIC = {"exact": True, "verdict": "exact", "measured_on": "hold-out", "outputs": [FORMULA]}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: what differs between them is tested with the repositories."""
    return sqlite_url


def model_with(sessions: Sessions, fields: dict[str, Any] | None = None, **record: Any) -> Model:
    """A model with the record of a training, changed by this."""
    plain = make_model(sessions, PREDICTOR, name="plain").record
    told = {
        "metrics": {"mae": 0.1, "r2": 0.9},
        "baselines": {"linear": {"metrics": {"mae": 0.4, "r2": 0.5}, "seconds": 0.1, "parameters": 3}},
        "split": SPLIT,
        "lineage": LINEAGE,
        "timings": {"train": 2.0, "evaluate": 0.5},
        "units": {"y": "m/s", "x1": "m"},
        "dataset": {"name": "falls", "rows": 100},
    }
    return make_model(sessions, PREDICTOR, record=plain | told | record, **fields or {})


def compare(client: TestClient, *references: str) -> Any:
    return client.get("/models/compare", params={"ids": ",".join(references)})


def test_the_aliases_of_a_name_are_listed_with_their_history(client: TestClient, sessions: Sessions) -> None:
    first, second = make_model(sessions, PREDICTOR), make_model(sessions, PREDICTOR)
    for model in (first, second):
        client.patch(f"/models/{model.id}", json={"alias": "live"})
    body = client.get("/aliases", params={"name": "law"}).json()
    assert body["aliases"] == [{"alias": "live", "model_id": second.id, "version": 2}]
    assert [(move["alias"], move["model_id"], move["version"]) for move in body["items"]] == [
        ("live", second.id, 2),
        ("live", first.id, 1),
    ]
    assert {move["key_name"] for move in body["items"]} == {"local"}


def test_the_history_comes_in_pages_and_for_one_alias(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, PREDICTOR)
    for alias in ("live", "best", "live", "old"):
        client.patch(f"/models/{model.id}", json={"alias": alias})
    url = "/aliases?name=law&limit=2"
    page = client.get(url).json()
    rest = client.get(f"{url}&cursor={page['next_cursor']}").json()
    assert [move["alias"] for move in page["items"] + rest["items"]] == ["old", "best", "live"]
    assert [m["alias"] for m in client.get("/aliases?name=law&alias=best").json()["items"]] == ["best"]
    assert client.get("/aliases?name=other").json()["items"] == []
    assert client.get("/aliases").status_code == 422


def test_a_card_tells_what_is_known_of_a_model(client: TestClient, sessions: Sessions) -> None:
    dataset_id = make_dataset(sessions)
    model = model_with(sessions, {"symbolic": SYMBOLIC, "dataset_id": dataset_id, "tags": {"owner": "me"}})
    card = client.get(f"/models/{model.id}/card").json()
    assert (card["target"], card["unit"], card["tags"]) == ("y", "m/s", {"owner": "me"})
    assert card["data"]["is_kept"]
    assert (card["data"]["name"], card["data"]["split"]) == ("data", SPLIT)
    assert [feature["unit"] for feature in card["features"]] == ["m", None]
    assert card["metrics"] == {"mae": 0.1, "r2": 0.9}
    assert card["baselines"] == [
        {"name": "linear", "metrics": {"mae": 0.4, "r2": 0.5}, "parameters": 3, "seconds": 0.1}
    ]
    assert (card["parameters"], card["training_seconds"]) == (model.record["network"]["parameters"], 2.0)
    assert card["formulas"]["outputs"][0]["expression"] == "x1 + 2*x2"
    assert (card["made"]["seed"], card["made"]["seconds"], card["made"]["code_version"]) == (7, 2.5, "0.1.0")
    assert any("interval" in limit for limit in card["limits"])
    assert any("Fewer than 50 rows" in limit for limit in card["limits"])


@pytest.mark.parametrize(
    ("verdict", "by", "words"),
    [
        ("exact", "formula", "its formula, which is exact"),
        ("consistent", "accurate", "its most accurate network"),
    ],
)
def test_a_card_tells_which_member_answers_and_what_the_formula_is_worth(
    client: TestClient, sessions: Sessions, verdict: str, by: str, words: str
) -> None:
    model = model_with(sessions, {"symbolic": SYMBOLIC | {"verdict": verdict}})
    card = client.get(f"/models/{model.id}/card").json()
    assert (card["by"], list(card["members"])) == (by, ["accurate", "formula"])
    text = client.get(f"/models/{model.id}/card?format=markdown").text
    assert f"Predictions come from: {words}" in text
    assert "| metric | this model | its formula | linear |" in text


def test_a_card_outlives_the_dataset_of_its_model(client: TestClient, sessions: Sessions) -> None:
    dataset_id = make_dataset(sessions)
    model = model_with(sessions, {"dataset_id": dataset_id})
    client.delete(f"/datasets/{dataset_id}")
    card = client.get(f"/models/{model.id}/card").json()
    assert not card["data"]["is_kept"]
    assert (card["data"]["name"], card["data"]["rows"], card["data"]["sha256"]) == ("falls", 100, "a" * 64)
    assert any("not in this service" in limit for limit in card["limits"])


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (
            {"type": "number", "has_missing": True, "fill": 2.5},
            "counts as 2.5, and an indicator input is set",
        ),
        ({"type": "number", "has_missing": False, "fill": 2.5}, "counts as 2.5, with a warning"),
        ({"type": "boolean", "has_missing": False, "fill": 1.0}, "counts as true"),
        ({"type": "category", "has_missing": True}, "a separate category"),
        ({"type": "category", "has_missing": False}, "no known category, with a warning"),
        ({"type": "number"}, "not recorded"),
    ],
)
def test_a_card_says_what_happens_to_a_missing_value(
    client: TestClient, sessions: Sessions, feature: dict[str, Any], said: str
) -> None:
    model = model_with(sessions, features=[{"name": "x1"} | feature])
    assert said in client.get(f"/models/{model.id}/card").json()["features"][0]["missing"]


def test_a_card_follows_the_models_behind_a_model(client: TestClient, sessions: Sessions) -> None:
    first = model_with(sessions)
    revises = {"model_id": first.id, "version": first.version, "drop": ["x2"]}
    second = model_with(sessions, lineage=LINEAGE | {"revises": revises})
    revises = {"model_id": second.id, "version": second.version, "choose": 1}
    third = model_with(sessions, lineage=LINEAGE | {"revises": revises})
    url = f"/models/{third.id}/card"
    steps = client.get(url).json()["lineage"]
    assert [(step["model_id"], step["name"], step["changes"]) for step in steps] == [
        (second.id, "law", {"choose": 1}),
        (first.id, "law", {"drop": ["x2"]}),
    ]
    client.delete(f"/models/{second.id}")
    (step,) = client.get(url).json()["lineage"]
    assert (step["model_id"], step["name"], step["version"]) == (second.id, None, second.version)


def test_a_card_whose_lineage_goes_in_a_circle_ends(client: TestClient, sessions: Sessions) -> None:
    model = model_with(sessions)
    with sessions.begin() as session:
        circle = {"lineage": {"revises": {"model_id": model.id, "version": 1}}}
        session.merge(model).record = model.record | circle
    assert len(client.get(f"/models/{model.id}/card").json()["lineage"]) == 1


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "*/*", "application/json"),
        ("", "text/markdown", "text/markdown"),
        ("?format=markdown", "application/json", "text/markdown"),
        ("?format=json", "text/markdown", "application/json"),
    ],
)
def test_a_card_comes_as_json_or_markdown(
    client: TestClient, sessions: Sessions, query: str, accept: str, kind: str
) -> None:
    answer = client.get(f"/models/{model_with(sessions).id}/card{query}", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.headers["vary"] == "Accept"


def test_a_card_as_markdown_has_the_numbers_of_the_model(client: TestClient, sessions: Sessions) -> None:
    model = model_with(sessions, {"symbolic": SYMBOLIC, "name": "falling"})
    text = client.get(f"/models/{model.id}/card?format=markdown").text
    assert text.startswith("# Model `falling`, version 1\n\nPredicts `y`, in `m/s`, from 2 columns")
    head = "| metric | this model | its formula | linear |\n| --- | --- | --- | --- |\n"
    assert f"{head}| mae | 0.1 | unknown | 0.4 |" in text
    assert f"| parameters | {model.record['network']['parameters']} | unknown | 3 |\n" in text
    assert "| seconds of training | 2 | unknown | 0.1 |" in text
    assert "`x1 + 2*x2`" in text


def test_the_card_of_a_bare_model_is_one_too(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, PREDICTOR)
    text = client.get(f"/models/{model.id}/card?format=markdown").text
    assert "There are no metrics" in text
    assert "- Dataset: unknown" in text


def test_a_model_from_a_file_that_tells_nonsense_has_a_card(client: TestClient, sessions: Sessions) -> None:
    nonsense = {"baselines": {"a": {"metrics": "none"}, "b": {}}, "split": {"test_rows": "many"}}
    lineage = {"imported": {"sha256": "a" * 64, "filename": "<b>.safetensors"}}
    model = model_with(sessions, lineage=lineage, dataset=None, **nonsense)
    card = client.get(f"/models/{model.id}/card").json()
    assert (card["baselines"], card["made"]["imported"]) == ([], lineage["imported"])
    text = client.get(f"/models/{model.id}/card?format=markdown").text
    assert '- Imported: `{"sha256": "' in text
    assert compare(client, model.id, model.id).json()["same_rows"] is None


def test_models_of_one_target_stand_side_by_side(client: TestClient, sessions: Sessions) -> None:
    first = model_with(sessions, {"symbolic": SYMBOLIC})
    second = model_with(sessions, metrics={"mae": 0.2, "r2": 0.8, "rmse": 0.3})
    body = compare(client, first.id, "law").json()
    assert [(model["reference"], model["id"]) for model in body["models"]] == [
        (first.id, first.id),
        ("law", second.id),
    ]
    assert body["metrics"] == {"mae": [0.1, 0.2], "r2": [0.9, 0.8], "rmse": [None, 0.3]}
    assert [model["complexity"] for model in body["models"]] == [5, None]
    assert [model["verdict"] for model in body["models"]] == ["exact", None]
    assert [model["seconds"] for model in body["models"]] == [2.5, 2.5]
    assert (body["same_data"], body["same_rows"], body["warnings"]) == (True, True, [])


@pytest.mark.parametrize(("exact", "verdict"), [(True, "exact"), (False, "approximation")])
def test_formulas_of_older_versions_have_the_same_verdict_wherever_they_are_shown(
    client: TestClient, sessions: Sessions, exact: bool, verdict: str
) -> None:
    tree = to_json(Variable("x1") + Variable("x2") * 2)
    symbolic = {"exact": exact, "outputs": [FORMULA | {"tree": tree}]}
    model = model_with(sessions, {"symbolic": symbolic})
    assert client.get(f"/models/{model.id}/card").json()["formulas"]["verdict"] == verdict
    assert [told["verdict"] for told in compare(client, model.id, model.id).json()["models"]] == [verdict] * 2
    assert client.get(f"/models/{model.id}/symbolic").json()["verdict"] == verdict
    exported = client.get(f"/models/{model.id}/export").content
    copy = client.post("/models/import", files={"file": ("law.safetensors", exported)}).json()
    assert client.get(f"/models/{copy['id']}/card").json()["formulas"]["verdict"] == verdict


OTHER_SEED = LINEAGE | {"request": REQUEST | {"split": REQUEST["split"] | {"seed": 1}}}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("record", "same", "warning"),
    [
        ({"lineage": LINEAGE | {"dataset_sha256": "b" * 64}}, (False, False), "different hold-out rows"),
        ({"lineage": OTHER_SEED}, (True, False), "different hold-out rows"),
        ({"split": SPLIT | {"test_rows": 19}}, (True, False), "different hold-out rows"),
        ({"lineage": LINEAGE | {"dataset_sha256": None}}, (None, None), "not known"),
        ({"split": SPLIT | {"test_rows": 0}}, (True, False), "no rows were held out for 'law'"),
        ({"units": {"y": "km/h"}}, (True, True), "different units"),
        ({"classes": ["a", "b"]}, (True, True), "different classes"),
    ],
)
def test_a_comparison_says_why_a_difference_may_say_little(
    client: TestClient,
    sessions: Sessions,
    record: dict[str, Any],
    same: tuple[bool | None, bool | None],
    warning: str,
) -> None:
    first, _ = model_with(sessions), model_with(sessions, **record)
    body = compare(client, first.id, "law").json()
    assert (body["same_data"], body["same_rows"]) == same
    assert any(warning in told for told in body["warnings"])


def test_what_does_not_matter_to_a_split_makes_no_rows_different(
    client: TestClient, sessions: Sessions
) -> None:
    splits = [{"kind": "tail", "test_fraction": 0.2, "seed": seed} for seed in (0, 1)]
    ids = [
        model_with(sessions, lineage=LINEAGE | {"request": REQUEST | {"split": split}}).id for split in splits
    ]
    assert compare(client, *ids).json()["same_rows"] is True


@pytest.mark.parametrize("fields", [{"target": "z"}, {"task": "classification"}])
def test_models_of_different_things_cannot_be_compared(
    client: TestClient, sessions: Sessions, fields: dict[str, Any]
) -> None:
    first, second = model_with(sessions), model_with(sessions, fields)
    answer = compare(client, first.id, second.id)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_comparable")
    assert second.id in answer.json()["detail"]


@pytest.mark.parametrize("count", [1, 21])
def test_one_model_or_very_many_cannot_be_compared(
    client: TestClient, sessions: Sessions, count: int
) -> None:
    answer = compare(client, *[model_with(sessions).id] * count)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_number_of_models")


@pytest.mark.parametrize(("path", "methods"), [("/models/compare", "GET, HEAD"), ("/models/import", "POST")])
def test_a_path_that_is_spelt_out_allows_its_own_methods(client: TestClient, path: str, methods: str) -> None:
    for version in ("", "/v1"):
        answer = client.options(version + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_an_unknown_model_cannot_be_compared(client: TestClient, sessions: Sessions) -> None:
    assert compare(client, model_with(sessions).id, "nothing").json()["code"] == "model_not_found"


def test_who_knows_a_resource_as_it_is_gets_no_copy(client: TestClient, sessions: Sessions) -> None:
    dataset_id = client.post("/datasets", json={"columns": {"x": [1, 2]}}).json()["id"]
    for url in (f"/models/{make_model(sessions, PREDICTOR).id}", f"/datasets/{dataset_id}"):
        tag = client.get(url).headers["etag"]
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            answer = client.get(url, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_changed_model_is_shown_to_who_knew_it_before(client: TestClient, sessions: Sessions) -> None:
    url = f"/models/{make_model(sessions, PREDICTOR).id}"
    known = client.get(url).headers["etag"]
    client.patch(url, json={"tags": {"a": "b"}})
    assert client.get(url, headers={"If-None-Match": known}).status_code == 200


def test_a_dataset_is_deleted_only_as_it_is_known(client: TestClient) -> None:
    made = client.post("/datasets", json={"columns": {"x": [1, 2]}}).json()
    url = f"/datasets/{made['id']}"
    stale = client.delete(url, headers={"If-Match": '"other"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "dataset_changed")
    assert client.delete(url, headers={"If-Match": client.get(url).headers["etag"]}).status_code == 204


def test_equal_content_shows_by_its_hash(client: TestClient) -> None:
    tables = {"a": [1], "b": [1], "c": [2]}
    bodies = [{"name": name, "columns": {"x": values}} for name, values in tables.items()]
    hashes = [client.post("/datasets", json=body).json()["sha256"] for body in bodies]
    assert hashes[0] == hashes[1] != hashes[2]
