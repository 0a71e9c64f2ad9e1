"""Models over HTTP: what they are, their formulas, pictures and files."""

import math
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import sympy
from fastapi.testclient import TestClient
from sqlalchemy import event

from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.evaluation import Expression, Variable, call, complexity, to_json
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.printing.latex import to_latex
from service.db.session import Sessions
from tests.support.factories import EDGES, make_model
from tests.support.openapi import openapi_document

X1, X2 = Variable("x1"), Variable("x2")
LAW = call("exp", call("sin", X1) - X2**2)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: what differs between them is tested with the repository."""
    return sqlite_url


def symbolic(**formulas: Expression) -> dict[str, Any]:
    """What a training job records of these formulas."""
    outputs = [
        {
            "name": name,
            "expression": to_text(tree),
            "latex": to_latex(tree),
            "symbols": {},
            "complexity": complexity(tree),
            "r2": 1.0,
            "rmse": 0.0,
            "max_error": 0.0,
            "domain": {"x1": [-1.0, 1.0], "x2": [-1.0, 1.0]},
            "pareto": [],
            "tree": to_json(tree),
        }
        for name, tree in formulas.items()
    ]
    return {"exact": True, "outputs": outputs}


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(child)


def test_a_model_is_shown_with_all_of_its_record(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, tags={"stage": "trial"})
    body = client.get(f"/models/{model.id}").json()
    assert (body["name"], body["version"], body["aliases"], body["tags"]) == (
        "law",
        1,
        [],
        {"stage": "trial"},
    )
    assert (body["task"], body["target"], body["outputs"]) == ("regression", "y", ["y"])
    assert [feature["name"] for feature in body["features"]] == ["x1", "x2"]
    assert body["network"]["width"] == [2, 2, 1]
    assert body["network"]["products"] == 0  # a record of before there were products does not say
    assert body["metrics"] == {}


def test_further_members_of_the_record_reach_the_client(client: TestClient, sessions: Sessions) -> None:
    record = make_model(sessions).record | {"history": [{"step": 1, "loss": 0.5}], "classes": None}
    body = client.get(f"/models/{make_model(sessions, record=record).id}").json()
    assert body["history"] == [{"step": 1, "loss": 0.5}]
    assert body["classes"] is None


def test_a_model_says_how_many_of_its_nodes_multiply(client: TestClient, sessions: Sessions) -> None:
    record = make_model(sessions).record
    record |= {"network": record["network"] | {"products": 1}}
    assert client.get(f"/models/{make_model(sessions, record=record).id}").json()["network"]["products"] == 1


@pytest.mark.parametrize("member", ["history", "classes", "warnings", "formula_of"])
def test_what_a_training_records_is_named_in_the_schema(member: str) -> None:
    schemas = openapi_document()["components"]["schemas"]
    assert schemas["ModelOut"]["properties"][member]["description"]


def test_models_are_listed_in_pages_newest_first(client: TestClient, sessions: Sessions) -> None:
    ids = [make_model(sessions, name=name).id for name in ("a", "b", "a", "a")]
    first = client.get("/models", params={"limit": 3}).json()
    rest = client.get("/models", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_formulas_of_older_models_in_a_list_take_one_query(client: TestClient, sessions: Sessions) -> None:
    for _ in range(3):
        make_model(sessions, symbolic=symbolic(y=LAW))
    sent: list[str] = []
    with client.app.state.sessions.read() as session:  # type: ignore[attr-defined]
        event.listen(session.get_bind(), "before_cursor_execute", lambda *told: sent.append(told[2]))
        listed = client.get("/models").json()["items"]
    assert all("formula" in model["members"] for model in listed)
    assert len([statement for statement in sent if "model.symbolic" in statement]) == 1


def test_a_list_can_be_of_one_name(client: TestClient, sessions: Sessions) -> None:
    for name in ("a", "b", "a"):
        make_model(sessions, name=name)
    assert [item["version"] for item in client.get("/models", params={"name": "a"}).json()["items"]] == [2, 1]
    assert client.get("/models", params={"name": "c"}).json() == {"items": [], "next_cursor": None}


def test_a_model_is_renamed_tagged_and_aliased(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    changes = {"name": "housing", "tags": {"owner": "me"}, "alias": "default"}
    body = client.patch(f"/models/{model.id}", json=changes).json()
    assert (body["name"], body["version"], body["tags"], body["aliases"]) == (
        "housing",
        1,
        {"owner": "me"},
        ["default"],
    )
    assert client.get("/models/housing@default").json() == body


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a@b"},
        {"name": "a/b"},
        {"name": ""},
        {"name": "x" * 201},
        {"alias": "with space"},
        {"alias": "1"},
        {"alias": ""},
        {"tags": {"a": 1}},
        {"tags": {f"t{i}": "" for i in range(65)}},
        {"version": 7},
        {"metrics": {"r2": 1.0}},
    ],
)
def test_a_change_that_cannot_be_is_refused(
    client: TestClient, sessions: Sessions, change: dict[str, Any]
) -> None:
    response = client.patch(f"/models/{make_model(sessions).id}", json=change)
    assert response.status_code == 422
    assert response.json()["code"] == "validation_failed"


@pytest.mark.parametrize(
    ("field", "said"), [("name", "must not contain @, /"), ("alias", "begins with a letter")]
)
def test_what_cannot_be_a_name_or_an_alias_is_refused_in_words(
    client: TestClient, sessions: Sessions, field: str, said: str
) -> None:
    (entry,) = client.patch(f"/models/{make_model(sessions).id}", json={field: "1@"}).json()["errors"]
    assert entry["pointer"] == f"#/{field}"
    assert said in entry["detail"]


def test_only_an_id_names_a_model_to_change_or_delete(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    for answer in (client.patch("/models/law", json={"alias": "live"}), client.delete("/models/law")):
        assert answer.status_code == 404
        assert answer.json()["detail"].endswith(f"by its id; 'law' currently refers to {model.id}")
    assert "GET /models lists them" in client.delete("/models/lore").json()["detail"]


def test_if_match_lets_a_change_through_only_while_the_model_is_as_known(
    client: TestClient, sessions: Sessions
) -> None:
    url = f"/models/{make_model(sessions).id}"
    known = client.get(url).headers["etag"]
    changed = client.patch(url, json={"alias": "live"}, headers={"If-Match": f'"other", {known}'})
    assert changed.status_code == 200
    assert changed.headers["etag"] == client.get(url).headers["etag"] != known
    for stale in (
        client.patch(url, json={"alias": "old"}, headers={"If-Match": known}),
        client.delete(url, headers={"If-Match": known}),
    ):
        assert stale.status_code == 412
        assert stale.json()["code"] == "model_changed"
    assert client.get(url).json()["aliases"] == ["live"]
    assert client.patch(url, json={"tags": {"a": "b"}}, headers={"If-Match": "*"}).status_code == 200
    assert client.delete(url, headers={"If-Match": client.get(url).headers["etag"]}).status_code == 204


def test_a_deleted_model_is_gone(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    assert client.delete(f"/models/{model.id}").status_code == 204
    assert client.get(f"/models/{model.id}").status_code == 404
    assert client.delete(f"/models/{model.id}").status_code == 404


@pytest.mark.parametrize("part", ["", "/symbolic", "/edges", "/plot.svg", "/export"])
def test_nothing_of_an_unknown_model_is_found(client: TestClient, part: str) -> None:
    response = client.get(f"/models/nothing{part}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "model_not_found"


def test_a_formula_is_given_with_its_errors_and_without_its_tree(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=symbolic(y=LAW))
    body = client.get(f"/models/{model.id}/symbolic").json()
    assert (body["model_id"], body["exact"]) == (model.id, True)
    assert body["outputs"][0]["expression"] == "exp(sin(x1) - x2**2)"
    assert body["outputs"][0]["complexity"] == 6
    assert "tree" not in set(keys(body))


def test_a_model_without_a_formula_says_so(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    for format_ in ("json", "python"):
        response = client.get(f"/models/{model.id}/symbolic", params={"format": format_})
        assert response.status_code == 409
        assert response.json()["code"] == "no_formula"
        assert f"/models/{model.id}/edges" in response.json()["detail"]


@pytest.mark.parametrize(
    ("language", "part"),
    [
        ("text", "exp(sin(x1) - x2**2)"),
        ("latex", r"\sin"),
        ("python", "math.exp(math.sin(x1) - x2**2)"),
        ("numpy", "np.exp(np.sin(x1) - x2**2)"),
        ("c", "exp(sin(x1) - pow(x2, 2.0))"),
        ("sql", 'EXP(SIN("x1") - POWER("x2", 2.0)) AS "y"'),
        ("javascript", "Math.exp(Math.sin(x1) - Math.pow(x2, 2))"),
        ("excel", "=EXP(SIN([@x1])-[@x2]^2)"),
        ("mathml", "<msup><mi>e</mi><mrow><mi>sin</mi>"),
    ],
)
def test_a_formula_can_be_had_in_other_languages(
    client: TestClient, sessions: Sessions, language: str, part: str
) -> None:
    model = make_model(sessions, symbolic=symbolic(y=LAW))
    response = client.get(f"/models/{model.id}/symbolic", params={"format": language})
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert part.replace(" ", "") in response.text.replace(" ", "")


def test_the_formulas_of_a_front_are_typeset_a_line_for_each(client: TestClient, sessions: Sessions) -> None:
    front = [{"expression": to_text(tree), "tree": to_json(tree)} for tree in (X1, X1**2)]
    recorded = symbolic(y=LAW)
    recorded["outputs"][0]["pareto"] = front
    url = f"/models/{make_model(sessions, symbolic=recorded).id}/symbolic"
    assert client.get(url, params={"format": "text", "front": True}).text == "x1\nx1**2\n"
    typeset = client.get(url, params={"format": "mathml", "front": True}).text.splitlines()
    assert ["<msub>" in typeset[0], "<msubsup>" in typeset[1]] == [True, True]
    refused = client.get(url, params={"format": "python", "front": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_exportable")


def test_formulas_as_text_and_python_give_the_values_of_the_law(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=symbolic(y=LAW))
    url, expected = f"/models/{model.id}/symbolic", math.exp(math.sin(0.3) - 0.7**2)
    text = client.get(url, params={"format": "text"}).text
    assert float(sympy.sympify(text).subs({"x1": 0.3, "x2": 0.7})) == pytest.approx(expected)
    namespace: dict[str, Any] = {}
    exec(client.get(url, params={"format": "python"}).text, namespace)
    assert namespace["y"](x1=0.3, x2=0.7) == pytest.approx(expected)


def test_every_output_has_its_own_formula(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, symbolic=symbolic(a=X1 + X2, b=X1 * X2))
    url = f"/models/{model.id}/symbolic"
    assert len(client.get(url).json()["outputs"]) == 2
    assert client.get(url, params={"format": "text"}).text == "x1 + x2\nx1*x2\n"
    assert client.get(url, params={"format": "sql"}).text == '"x1" + "x2" AS "a",\n1.0*"x1"*"x2" AS "b"\n'
    namespace: dict[str, Any] = {}
    exec(client.get(url, params={"format": "python"}).text, namespace)
    assert (namespace["a"](2, 3), namespace["b"](2, 3)) == (5, 6)


def test_outputs_of_similar_names_are_different_functions_of_one_module(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=symbolic(**{"a b": X1, "a_b": X1 + 1}))
    source = client.get(f"/models/{model.id}/symbolic", params={"format": "python"}).text
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    assert source.count("import") == 1
    assert (namespace["a_b"](1), namespace["a_b_"](1)) == (2, 1)


@pytest.mark.parametrize(("language", "key"), [("latex", "latex"), ("text", "expression")])
def test_a_formula_for_mathematicians_has_the_names_of_the_document(
    client: TestClient, sessions: Sessions, language: str, key: str
) -> None:
    names = safe_names(["x-1", "x_1"])  # the second is no part of the formula
    document = symbolic(y=Variable("x-1") ** 2)
    tree = Variable("x-1") ** 2
    document["outputs"][0] |= {"expression": to_text(tree, names), "latex": to_latex(tree, names)}
    url = f"/models/{make_model(sessions, symbolic=document).id}/symbolic"
    (formula,) = client.get(url).json()["outputs"]
    assert client.get(url, params={"format": language}).text == formula[key] + "\n"


def test_a_formula_is_given_over_the_columns_that_the_client_has(
    client: TestClient, sessions: Sessions
) -> None:
    document = symbolic(y=Variable("color is red") * Variable("mv"))
    document["outputs"][0] |= {
        "derived": {"color is red": {"column": "color", "equals": "red"}},
        "fills": {"mv": 0.37},
    }
    url = f"/models/{make_model(sessions, symbolic=document).id}/symbolic"
    texts = {f: client.get(url, params={"format": f}).text for f in ("sql", "excel", "python", "c")}
    assert """CASE WHEN "color" = 'red' THEN 1.0 ELSE 0.0 END""" in texts["sql"]
    assert 'COALESCE("mv", 0.37)' in texts["sql"]
    assert "IF(ISBLANK([@mv]),0.37,[@mv])" in texts["excel"]
    assert "# color_is_red: 1 where 'color' is 'red', else 0\n" in texts["python"]
    assert "// mv: 'mv', and 0.37 where it is missing\n" in texts["c"]
    assert client.get(url).json()["outputs"][0]["fills"] == {"mv": 0.37}


@pytest.mark.parametrize(
    ("classes", "stored", "quantity", "function"),
    [
        (["no", "yes"], {"quantity": "log-odds"}, "log-odds", "log_odds_of_y"),
        (["no", "yes"], {}, "log-odds", "log_odds_of_y"),
        (["a", "b", "y"], {"quantity": "logit"}, "logit", "logit_of_y"),
        (None, {"quantity": "value"}, "value", "y"),
        (None, {}, "value", "y"),
    ],
)
def test_a_formula_says_what_it_gives(
    client: TestClient,
    sessions: Sessions,
    classes: list[str] | None,
    stored: dict[str, str],
    quantity: str,
    function: str,
) -> None:
    document = symbolic(y=LAW)
    document["outputs"][0] |= stored
    record = make_model(sessions).record | {"classes": classes}
    url = f"/models/{make_model(sessions, record=record, symbolic=document).id}/symbolic"
    assert client.get(url).json()["outputs"][0]["quantity"] == quantity
    source = client.get(url, params={"format": "python"}).text
    assert f"def {function}(x1, x2):" in source
    assert ("probability" in source) == (quantity != "value")
    assert f'AS "{function}"' in client.get(url, params={"format": "sql"}).text


def test_a_formula_has_the_units_of_its_columns_and_of_its_output(
    client: TestClient, sessions: Sessions
) -> None:
    record = make_model(sessions).record | {"units": {"x1": "m", "x2": "s", "y": "kJ"}}
    model = make_model(sessions, record=record, symbolic=symbolic(y=X1**2))
    (formula,) = client.get(f"/models/{model.id}/symbolic").json()["outputs"]
    assert formula["units"] == {"x1": "m", "y": "kJ"}


COMMENTS = ("# ", "// ")


@pytest.mark.parametrize("language", ["python", "numpy", "c", "sql", "javascript", "excel", "text", "latex"])
def test_a_column_s_name_cannot_leave_its_place(
    client: TestClient, sessions: Sessions, language: str
) -> None:
    evil = Variable('"); import os  #\n*/ DROP TABLE model; --')
    model = make_model(sessions, symbolic=symbolic(**{'y"\nDROP': evil + 1}))
    text = client.get(f"/models/{model.id}/symbolic", params={"format": language}).text
    if language not in ("sql", "excel"):
        code = "\n".join(line for line in text.splitlines() if not line.startswith(COMMENTS))
        assert "DROP TABLE" not in code
        assert ";--" not in code.replace(" ", "")
    if language == "sql":
        outside_quotes = "".join(text.split('"')[::2])
        assert "DROP" not in outside_quotes


def test_an_unknown_language_is_refused_with_those_that_are_known(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=symbolic(y=LAW))
    response = client.get(f"/models/{model.id}/symbolic", params={"format": "fortran"})
    assert response.status_code == 422
    assert "javascript" in response.json()["detail"]


def test_edges_are_given_as_recorded(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, edges=EDGES)
    document = client.get(f"/models/{model.id}/edges").json()
    assert {"sin", "x^2", "exp"} <= set(document.pop("functions"))
    assert document == {"model_id": model.id, "network": "accurate", **EDGES}


LARGE, SMALL = {"edges": 21}, {"edges": 20}


@pytest.mark.parametrize(
    ("shape", "serves", "asked", "shown"),
    [
        (SMALL, False, "", "accurate"),
        (LARGE, False, "", "compact"),
        (SMALL, True, "", "compact"),
        (LARGE, False, "?network=served", "accurate"),
        (LARGE, True, "?network=served", "compact"),
        (LARGE, True, "?network=accurate", "accurate"),
        (SMALL, False, "?network=compact", "compact"),
    ],
)
def test_a_large_network_is_shown_by_its_compact_one_unless_another_is_asked_for(
    client: TestClient, sessions: Sessions, shape: dict[str, int], serves: bool, asked: str, shown: str
) -> None:
    compact = {**EDGES, "inputs": ["other"], "nodes": [[{"name": "other"}], [{"name": "y"}]]}
    usual = make_model(sessions).record
    member = {"metrics": {}, "network": usual["network"], "fidelity": None, "serves": serves}
    record = usual | {"network": usual["network"] | shape, "members": {"compact": member}}
    model = make_model(sessions, edges={**EDGES, "compact": compact}, record=record)
    document = client.get(f"/models/{model.id}/edges{asked}").json()
    assert (document["network"], document["inputs"]) == (shown, ["x1" if shown == "accurate" else "other"])
    assert "compact" not in document
    assert document["inputs"][0] in client.get(f"/models/{model.id}/plot.svg{asked}").text


def test_a_compact_network_of_a_model_that_has_none_is_a_conflict(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, edges=EDGES)
    for path in ("edges", "plot.svg"):
        answer = client.get(f"/models/{model.id}/{path}?network=compact")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_compact_network")


def test_the_picture_fits_the_page_and_its_strongest_curves_can_be_asked_for(
    client: TestClient, sessions: Sessions
) -> None:
    path = f"/models/{make_model(sessions, edges=EDGES).id}/plot"
    narrow, whole = (
        ElementTree.fromstring(client.get(f"{path}.svg?{asked}").text)
        for asked in ("width=320", "width=1000")
    )
    assert float(narrow.attrib["width"]) <= 320 < float(whole.attrib["width"])
    assert client.get(f"{path}.png?curves=1&width=300").headers["content-type"] == "image/png"
    for wrong in ("width=100", "curves=0", "curves=61"):
        assert client.get(f"{path}.svg?{wrong}").status_code == 422


def test_the_picture_is_svg_that_may_run_nothing(client: TestClient, sessions: Sessions) -> None:
    response = client.get(f"/models/{make_model(sessions, edges=EDGES).id}/plot.svg")
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert ElementTree.fromstring(response.text).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({}, "y [kJ]"),
        ({"network": {"target_transform": "log"}}, "log(y [kJ])"),
        ({"network": {"target_transform": "square"}}, "(y [kJ])²"),
        ({"network": {"target_transform": "reciprocal"}}, "1 / (y [kJ])"),
        ({"classes": [0, 1]}, "log-odds of y [kJ] = 1"),
        ({"classes": ["a", "b", "c"]}, "logit of y [kJ]"),
    ],
)
def test_the_picture_says_what_the_outputs_are(
    client: TestClient, sessions: Sessions, change: dict[str, Any], label: str
) -> None:
    record = make_model(sessions).record | {"units": {"y": "kJ", "x1": "m"}} | change
    svg = client.get(f"/models/{make_model(sessions, record=record, edges=EDGES).id}/plot.svg").text
    assert f">{label}</text>" in svg
    assert ">x1</text>" in svg
    assert ">m</text>" in svg  # below the axis of the input


@pytest.mark.parametrize("transform", sorted({*TRANSFORMS} - {"identity"}))
def test_the_picture_says_what_of_the_target_the_network_gives(
    client: TestClient, sessions: Sessions, transform: str
) -> None:
    record = make_model(sessions).record
    record |= {"network": record["network"] | {"target_transform": transform}}
    svg = client.get(f"/models/{make_model(sessions, record=record, edges=EDGES).id}/plot.svg").text
    label = {
        "log": "log(y)",
        "log_neg": "log(-y)",
        "exp": "exp(y)",
        "sin": "sin(y)",
        "cos": "cos(y)",
        "sqrt": "√y",
        "square": "y²",
        "reciprocal": "1 / y",
        "reciprocal_square": "1 / y²",
    }[transform]
    assert f">{label}</text>" in svg
