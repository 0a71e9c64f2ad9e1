"""The OpenAPI document takes nothing from clients of the released one, and names its parts."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.openapi import openapi_document
from tests.support.openapi.changes import RELEASED, list_breaking_changes, shorten

Schema = dict[str, Any]
DOCUMENT = shorten(openapi_document())


def test_the_document_breaks_no_client_of_the_released_one() -> None:
    """Where a break is meant, `python -m tests.support.openapi.changes` writes the released document anew."""
    assert list_breaking_changes(json.loads(RELEASED.read_text()), DOCUMENT) == []


def remove_operation(new: Schema) -> None:
    del new["paths"]["/usage"]


def rename_operation(new: Schema) -> None:
    new["paths"]["/usage"]["get"]["operationId"] = "usage"


def require_member(new: Schema) -> None:
    new["components"]["schemas"]["TrainRequest"]["required"].append("target")


def forbid_value(new: Schema) -> None:
    new["components"]["schemas"]["Task"]["enum"].remove("density")


def add_value_to_answer(new: Schema) -> None:
    new["components"]["schemas"]["JobStatus"]["enum"].append("paused")


def remove_member(new: Schema) -> None:
    del new["components"]["schemas"]["JobOut"]["properties"]["cut_by"]


def forbid_kind(new: Schema) -> None:
    new["components"]["schemas"]["JobRequest"]["oneOf"].pop()


def change_type(new: Schema) -> None:
    new["components"]["schemas"]["TrainRequest"]["properties"]["seed"]["type"] = "string"


def widen_answer(new: Schema) -> None:
    members = new["components"]["schemas"]["JobOut"]["properties"]
    members["id"] = {"anyOf": [members["id"], {"type": "integer"}]}


def require_parameter(new: Schema) -> None:
    new["paths"]["/jobs"]["get"]["parameters"][0]["required"] = True


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (remove_operation, "GET /usage is gone"),
        (rename_operation, "GET /usage has another operationId"),
        (require_member, "POST /jobs body.target is required"),
        (forbid_value, "POST /jobs body.task: density is no longer allowed"),
        (add_value_to_answer, "GET /jobs/{job_id} 200.status: paused is a new value"),
        (remove_member, "GET /jobs/{job_id} 200.cut_by is gone"),
        (forbid_kind, "POST /jobs body: #/components/schemas/SolveRequest is no longer allowed"),
        (change_type, "POST /jobs body.seed: the type was integer and is string"),
        (widen_answer, "GET /jobs/{job_id} 200.id: the type was string and is None"),
        (require_parameter, "GET /jobs: the parameter"),
    ],
)
def test_a_change_that_breaks_clients_is_seen(change: Callable[[Schema], None], told: str) -> None:
    new = copy.deepcopy(DOCUMENT)
    change(new)
    assert any(line.startswith(told) for line in list_breaking_changes(DOCUMENT, new))


def test_what_only_adds_breaks_nothing() -> None:
    new = copy.deepcopy(DOCUMENT)
    new["paths"]["/new"] = {"get": {"operationId": "new", "responses": {}}}
    new["components"]["schemas"]["JobOut"]["properties"]["added"] = {"type": "string"}
    new["components"]["schemas"]["TrainRequest"]["properties"]["added"] = {"type": "string"}
    new["components"]["schemas"]["Task"]["enum"].append("ranking")
    settings = new["components"]["schemas"]["TrainRequest"]["properties"]
    settings["seed"] = {"anyOf": [{"type": "boolean"}, settings["seed"]]}
    assert list_breaking_changes(DOCUMENT, new) == []


def walk(node: Any) -> Iterator[Schema]:
    """All objects of a part of a document, but those of examples."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def test_every_object_states_whether_it_may_have_other_members() -> None:
    for node in walk(openapi_document()["components"]["schemas"]):
        if node.get("type") == "object" and "properties" in node:
            assert "additionalProperties" in node, node.get("title")


def test_every_enumeration_has_a_name() -> None:
    """That of a new one goes into ``ENUM_NAMES``."""
    schemas = openapi_document()["components"]["schemas"]
    named = [schema for schema in schemas.values() if "enum" in schema]
    parts = [*schemas.values(), openapi_document()["paths"]]
    found = [node["enum"] for part in parts for node in walk(part) if "enum" in node and node not in named]
    assert found == []
