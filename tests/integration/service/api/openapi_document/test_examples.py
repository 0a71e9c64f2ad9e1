"""Every operation of the OpenAPI document has examples, and a real service took and answered them."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from kan_engine.training.thresholds import MlpThresholds
from service.api.openapi.document import PROBLEM_MEDIA_TYPE
from service.error_codes import list_error_groups
from tests.support.openapi import openapi_document
from tests.tour.noting import BINARY
from tests.tour.way import make_tour
from worker.evaluation.thresholds import BaselineThresholds
from worker.jobs.registry import HANDLERS, make_handlers
from worker.pipelines import search_config
from worker.pipelines.thresholds import PipelineThresholds

DOCUMENT = openapi_document()
FEW_STEPS = PipelineThresholds(baselines=BaselineThresholds(mlp=MlpThresholds(lbfgs_steps=50)))
OPERATIONS = {
    operation["operationId"]: operation for item in DOCUMENT["paths"].values() for operation in item.values()
}
EXAMPLES = DOCUMENT["components"]["examples"]
every_operation = pytest.mark.parametrize("name", OPERATIONS)


class Logged(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory, small_dictionary: None) -> dict[str, Any]:
    """What the service takes and answers now; of small searches, since values are not compared."""
    logged = Logged(logging.WARNING)
    logging.getLogger().addHandler(logged)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HANDLERS, "train", make_handlers(FEW_STEPS)["train"])
        brief = replace(search_config.THRESHOLDS.training, trial_steps=2)
        patch.setattr(search_config, "THRESHOLDS", replace(search_config.THRESHOLDS, training=brief))
        made = make_tour(tmp_path_factory.mktemp("tour"))
    logging.getLogger().removeHandler(logged)
    assert logged.lines == [], "what would look like a failure of the tour"
    assert made["operations"].keys() == OPERATIONS.keys(), "an operation that tests/tour does not call"
    return made


def bodies(name: str) -> dict[str, Any]:
    return OPERATIONS[name].get("requestBody", {}).get("content", {})


def successes(name: str) -> dict[str, Any]:
    responses = OPERATIONS[name]["responses"]
    return {status: r.get("content", {}) for status, r in responses.items() if status.startswith("2")}


def refusals(name: str) -> dict[str, Any]:
    responses = OPERATIONS[name]["responses"]
    return {status: r["content"][PROBLEM_MEDIA_TYPE] for status, r in responses.items() if status[0] in "45"}


@every_operation
def test_an_operation_has_an_example_of_each_body_and_each_answer(name: str) -> None:
    lacking = [kind for kind, body in bodies(name).items() if kind not in BINARY and not body.get("examples")]
    for status, content in successes(name).items():
        lacking += [
            f"{status} {kind}" for kind in content if kind not in BINARY and "example" not in content[kind]
        ]
    assert lacking == []


@every_operation
def test_an_operation_has_examples_of_its_errors_with_codes_that_there_are(name: str) -> None:
    known = {code.name: code.statuses for codes in list_error_groups().values() for code in codes}
    for status, content in refusals(name).items():
        assert content["examples"], status
        for code, reference in content["examples"].items():
            problem = EXAMPLES[reference["$ref"].rpartition("/")[2]]["value"]
            assert problem["code"] == code
            assert problem["status"] in known[code]
            assert status in (str(problem["status"]), f"{problem['status'] // 100}XX")


@every_operation
def test_examples_are_what_their_schemas_say(name: str) -> None:
    shown = [
        (body["schema"], e["value"])
        for body in bodies(name).values()
        for e in body.get("examples", {}).values()
    ]
    contents = [content for by_kind in successes(name).values() for content in by_kind.values()]
    shown += [
        (content["schema"], content["example"])
        for content in contents
        if "example" in content and "schema" in content
    ]
    for schema, value in shown:
        jsonschema_rs.validate({**schema, "components": DOCUMENT["components"]}, value)


@every_operation
def test_the_bodies_that_are_shown_are_taken(name: str, tour: dict[str, Any]) -> None:
    shown = {
        kind: {title: example["value"] for title, example in body["examples"].items()}
        for kind, body in bodies(name).items()
        if "examples" in body
    }
    assert shown == tour["operations"][name]["bodies"]


@every_operation
def test_the_answers_that_are_shown_are_given(name: str, tour: dict[str, Any]) -> None:
    answers = tour["operations"][name]["answers"]
    for status, content in successes(name).items():
        for kind, shown in content.items():
            if "example" in shown:
                given = answers[status][kind.partition(";")[0]]
                assert shape_of(shown["example"]) == shape_of(given), "run `python -m tests.tour`"


@every_operation
def test_the_errors_that_are_shown_are_met(name: str, tour: dict[str, Any]) -> None:
    shown = {code for content in refusals(name).values() for code in content["examples"]}
    assert set(tour["operations"][name]["codes"]) <= shown <= tour["problems"].keys()
    for code in shown:
        assert shape_of(EXAMPLES[code]["value"]) == shape_of(tour["problems"][code])


def shape_of(value: Any) -> Any:
    """Keys and kinds of values; the values themselves differ from day to day."""
    if isinstance(value, dict):
        return {name: shape_of(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [shape_of(entry) for entry in value[:1]]
    return type(value).__name__.replace("int", "float")


def test_a_shape_tells_kinds_apart() -> None:
    assert shape_of({"a": [1, 2.5]}) == shape_of({"a": [0.5]}) != shape_of({"a": ["x"]})
    assert shape_of({"a": None}) != shape_of({"a": 1}) != shape_of({"b": 1})


def test_the_tour_leaves_nothing_behind(tour: dict[str, Any]) -> None:
    """The examples tell nothing of the machine that they were made on."""
    assert str(Path.cwd()) not in repr(DOCUMENT)
    assert not [code for code, problem in tour["problems"].items() if "/tmp" in repr(problem)]
