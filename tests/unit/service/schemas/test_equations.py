"""Requests to solve equations."""

from service.documents.equations import read_problem
from service.schemas.equations import EXAMPLE_REQUEST, SolveRequest


def test_a_condition_may_be_a_text_that_names_its_place() -> None:
    place = {"conditions": [{"kind": "initial", "on": {"x": 0}, "residual": "y(0) - 1"}]}
    placed = SolveRequest.model_validate(EXAMPLE_REQUEST | place)
    assert read_problem(SolveRequest.model_validate(EXAMPLE_REQUEST)) == read_problem(placed)


def test_the_document_of_the_api_offers_both_kinds_of_conditions() -> None:
    condition = SolveRequest.model_json_schema()["properties"]["conditions"]["items"]
    assert [set(kind) & {"$ref", "type"} for kind in condition["anyOf"]] == [{"$ref"}, {"type"}]
