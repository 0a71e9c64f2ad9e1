"""Equations in print over HTTP: each line is typeset, or says what is wrong in it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here is in a database."""
    return sqlite_url


def typeset(client: TestClient, **lines: Any) -> Any:
    response = client.post("/formats/equations", json={"independent": ["t"], "unknowns": ["y"], **lines})
    assert response.status_code == 200, response.text
    return response.json()


def test_lines_are_typeset_in_their_order(client: TestClient) -> None:
    printed = typeset(
        client, parameters=["k"], equations=["d2y/dt2 = -k*y"], conditions=["y(0) = 1", "y'(0) = 0"]
    )
    (equation,) = printed["equations"]
    assert (equation["latex"], equation["detail"]) == ("{y''} = - k y", None)
    assert equation["mathml"].startswith("<math ")
    assert [line["latex"] for line in printed["conditions"]] == [
        r"y\left(0\right) = 1",
        r"y'\left(0\right) = 0",
    ]


def test_a_wrong_line_has_its_character_and_the_others_are_typeset(client: TestClient) -> None:
    wrong, right = typeset(client, equations=["y' = 4y", "y' = 4*y"])["equations"]
    assert (wrong["mathml"], wrong["character"]) == (None, 7)
    assert "write * between factors" in wrong["detail"]
    assert right["mathml"]


@pytest.mark.parametrize(
    ("names", "pointer", "remedy"),
    [
        (
            {"unknowns": ["S", "exp"]},
            "#/unknowns/1",
            "exp(…) is a function of equations; choose another name",
        ),
        ({"unknowns": ["<script>"]}, "#/unknowns/0", "begin with a letter"),
        ({"independent": ["2t"]}, "#/independent/0", "begin with a letter"),
        ({"parameters": ["y"]}, "#/parameters/0", "the name 'y' occurs twice"),
    ],
)
def test_names_are_refused_as_a_job_refuses_them(
    client: TestClient, names: dict[str, list[str]], pointer: str, remedy: str
) -> None:
    body = {"independent": ["t"], "unknowns": ["y"], "equations": ["y' = 1"], **names}
    typeset = client.post("/formats/equations", json=body)
    times = {name: [0, 1] for name in body["independent"]}
    job = {"kind": "solve", "domain": times, "conditions": ["y(0) = 1"], **body}
    job["parameters"] = dict.fromkeys(names.get("parameters", []), 1.0)
    submitted = client.post("/jobs", json=job)
    assert (typeset.status_code, submitted.status_code) == (422, 422)
    assert typeset.json()["errors"] == submitted.json()["errors"]
    (entry,) = typeset.json()["errors"]
    assert (entry["code"], entry["pointer"]) == ("invalid_equation", pointer)
    assert remedy in entry["detail"]


def test_the_names_of_an_epidemic_are_typeset(client: TestClient) -> None:
    printed = typeset(
        client, unknowns=["S", "I", "R"], parameters=["beta", "N"], equations=["S' = -beta*S*I/N", "R' = I"]
    )
    assert [line["latex"] for line in printed["equations"]] == [
        r"{S'} = - \frac{\beta S I}{N}",
        "{R'} = I",
    ]


def test_a_very_long_equation_has_no_mathml(client: TestClient) -> None:
    (line,) = typeset(client, equations=["+".join(["asinh(y)"] * 110)])["equations"]
    assert line["latex"]
    assert line["mathml"] is None
