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


def test_a_name_is_not_markup(client: TestClient) -> None:
    name = "<script>"
    response = client.post(
        "/formats/equations", json={"independent": ["t"], "unknowns": [name], "equations": [f"`{name}` = 1"]}
    )
    assert "<script>" not in str([line["mathml"] for line in response.json()["equations"]])


def test_a_very_long_equation_has_no_mathml(client: TestClient) -> None:
    (line,) = typeset(client, equations=["+".join(["asinh(y)"] * 110)])["equations"]
    assert line["latex"]
    assert line["mathml"] is None
