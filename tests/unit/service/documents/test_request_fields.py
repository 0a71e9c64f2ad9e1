"""One description of the fields of a request: options, form and words follow from it."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import pytest
from pydantic import Field

from kan_engine.cost import OPTIMIZERS
from service.documents.request_fields import FieldWords, list_fields, read_words, render_fields
from service.schemas.common import RequestModel, Setting
from service.schemas.revision import SymbolicRequest
from service.schemas.study import StudyRequest
from service.schemas.training import TrainRequest


class Toy(RequestModel):
    """A request with two fields."""

    pace: Annotated[Literal["slow", "fast"], Setting("Pace", "training")] = Field(
        default="slow", description="How fast it goes.\n\nMore of it."
    )
    laps: Annotated[Annotated[int, Field(ge=1, le=9)] | None, Setting("Laps", "training", example="3")] = (
        Field(default=None, description="How often.")
    )


class Child(Toy):
    """A request with the same fields and another."""

    rest: Annotated[bool, Setting("Rest")] = Field(default=False, description="Or not.")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", Path(".ci/generate.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_new_field_is_an_option_a_field_of_the_form_and_has_words(generator: ModuleType) -> None:
    fields = list(list_fields(Toy))
    options = json.loads(generator.render_options({"toy": Toy, "child": Child}))
    assert options["toy"]["pace"] == {
        "path": "pace",
        "kind": "choice",
        "help": "Pace. How fast it goes. [default: slow]",
        "choices": ["slow", "fast"],
    }
    laps = {"path": "laps", "kind": "whole number", "help": "Laps. How often.", "min": 1, "max": 9}
    assert options["toy"]["laps"] == laps
    assert options["child"] == {
        "rest": {"path": "rest", "kind": "switch", "help": "Rest. Or not.", "value": True}
    }
    form = generator.render_form(fields)
    assert '{ name: "pace", kind: "choice", path: ["pace"], options: ["slow", "fast"], example: "" }' in form
    words = {field.key: FieldWords("L", "H") for field in fields}
    assert '"set.laps.hint": "H"' in generator.render_words(words, fields)


def test_a_default_within_an_absent_object_is_none() -> None:
    defaults = {field.key: field.default for field in list_fields(SymbolicRequest)}
    assert defaults["compact.max_edges"] is None


def test_every_field_of_the_page_and_the_guide_has_words_in_every_language() -> None:
    fields = [*list_fields(TrainRequest), *(f for f in list_fields(StudyRequest) if f.setting.group)]
    for language in ("en", "ru"):
        words = read_words(language, fields)
        assert all(words[field.key].title and words[field.key].help for field in fields)
        assert all(f"`{field.key}`" in render_fields(language) for field in list_fields(TrainRequest))


def test_the_optimizers_of_a_request_are_those_of_the_engine() -> None:
    fields = list_fields(TrainRequest)
    choices = next(field.choices for field in fields if field.name == "optimizer")
    assert choices == ("auto", *OPTIMIZERS)
