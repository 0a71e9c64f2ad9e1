"""One description of the fields of a training: options, form, words and estimators follow from it."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

import kan_engine
from kan_engine.cost import OPTIMIZERS
from service.documents.request_fields import FieldWords, list_fields, read_words, render_fields
from service.schemas.common import RequestModel, Setting

IN_ESTIMATORS = {"seed": "random_state", "max_edges": "max_curves", "units": "unit_mode"}


class Toy(RequestModel):
    """A request with two fields."""

    pace: Annotated[Literal["slow", "fast"], Setting("Pace", "training")] = Field(
        default="slow", description="How fast it goes.\n\nMore of it."
    )
    laps: Annotated[Annotated[int, Field(ge=1, le=9)] | None, Setting("Laps", "training", example="3")] = (
        Field(default=None, description="How often.")
    )


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
    names: dict[str, Any] = {}
    exec(generator.render_options(fields), names)
    pace, laps = names["OPTIONS"].values()
    assert (pace.path, pace.kind, laps.path, laps.kind) == ("pace", "choice", "laps", "whole number")
    assert pace.annotation.__args__[0] == Literal["slow", "fast"] | None
    assert pace.annotation.__metadata__[0].help == "Pace. How fast it goes. [default: slow]"
    told = laps.annotation.__metadata__[0]
    assert (told.min, told.max) == (1, 9)
    form = generator.render_form(fields)
    assert '{ name: "pace", kind: "choice", path: ["pace"], options: ["slow", "fast"], example: "" }' in form
    words = {field.key: FieldWords("L", "H") for field in fields}
    assert '"set.laps.hint": "H"' in generator.render_words(words, fields)


def test_every_field_has_words_in_every_language() -> None:
    fields = list(list_fields())
    for language in ("en", "ru"):
        words = read_words(language, fields)
        assert all(words[field.key].title and words[field.key].help for field in fields)
        assert all(f"`{field.key}`" in render_fields(language) for field in fields)


def test_estimators_have_the_defaults_of_requests() -> None:
    parameters = inspect.signature(kan_engine.KANClassifier).parameters
    defaults = {IN_ESTIMATORS.get(field.name, field.name): field.default for field in list_fields()}
    shared = {name: defaults[name] for name in defaults.keys() & parameters.keys() - {"compact"}}
    assert len(shared) > 15
    unset = ((), None)  # what an estimator leaves to the service
    for name, default in shared.items():
        own = parameters[name].default
        assert own == default or (own in unset and default in ("auto", None)), name


def test_the_optimizers_of_a_request_are_those_of_the_engine() -> None:
    choices = next(field.choices for field in list_fields() if field.name == "optimizer")
    assert choices == ("auto", *OPTIMIZERS)
