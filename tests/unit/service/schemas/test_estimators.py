"""Estimators and ``solve`` take the fields of requests as arguments: same defaults, choices and ranges."""

import ast
import inspect
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from kan_engine import KANClassifier, KANDensity, KANRegressor, solve
from kan_engine.estimators.base import KANEstimator
from kan_engine.estimators.parameters import DENSITY_RULES, EQUATION_RULES, ESTIMATOR_RULES, Rule
from service.schemas.common import RequestModel
from service.schemas.equations import SolveRequest
from service.schemas.training import TrainRequest

PATHS = {  # of arguments that have another name than the last part of their path
    "random_state": "seed",
    "max_curves": "compact.max_edges",
    "unit_mode": "units",
}
OTHERS = {  # arguments that no request has
    "units",  # of columns, which are those of the dataset
    "measurements",  # a table
    "forbid",
    "is_ordered",
    "nodes",
    "report",
    "thresholds",
}
DEPENDENT = {"compact"}  # whose default depends on other arguments
UNSET = (None, "auto", [], (), {})
NUMBERS = (-1, 0, 1, 2, 10, 11, -0.5, 0.5, math.nan, True, "no")
SIZES: tuple[Any, ...] = ([], [0], [3])
PROBES = {"random_state": (*NUMBERS, 2**32 - 1, 2**32), "hidden": SIZES, "grid_schedule": SIZES}
DOCUMENTED = re.compile(r"^ {4}(\w+) : (.*), default=(.*)$", re.MULTILINE)


class Door(NamedTuple):
    """A class or function, what its arguments may be, and the request with the same fields."""

    call: Any
    rules: Mapping[str, Rule]
    request: type[RequestModel]


DOORS = (
    Door(KANRegressor, ESTIMATOR_RULES, TrainRequest),
    Door(KANClassifier, ESTIMATOR_RULES, TrainRequest),
    # A density has fewer orders, which ``density_checks`` requires of its training
    Door(KANDensity, {**DENSITY_RULES, "order": ESTIMATOR_RULES["order"]}, TrainRequest),
    Door(solve, EQUATION_RULES, SolveRequest),
)


def list_fields(schema: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All fields by path, those of inner objects last."""
    for name, field in schema.model_fields.items():
        yield prefix + name, field
    for name, field in schema.model_fields.items():
        for part in list_types(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from list_fields(part, f"{prefix}{name}.")


def list_types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from list_types(part)


def match_fields(door: Door) -> dict[str, FieldInfo]:
    """Fields by the arguments that they are."""
    fields = dict(list_fields(door.request))
    by_name = {path.rpartition(".")[2]: fields[path] for path in reversed(fields)}  # the first of a name
    by_name |= {argument: fields[path] for argument, path in PATHS.items() if path in fields}
    arguments = inspect.signature(door.call).parameters.keys() - OTHERS
    return {name: field for name, field in by_name.items() if name in arguments}


CASES = [
    pytest.param(door, name, id=f"{door.call.__name__}-{name}")
    for door in DOORS
    for name in match_fields(door)
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.call.__name__)
def test_every_argument_but_a_few_is_a_field(door: Door) -> None:
    assert inspect.signature(door.call).parameters.keys() - OTHERS == match_fields(door).keys()


@pytest.mark.parametrize(("door", "name"), CASES)
def test_an_argument_has_the_default_of_its_field(door: Door, name: str) -> None:
    parameter, field = inspect.signature(door.call).parameters[name], match_fields(door)[name]
    is_required = parameter.default is inspect.Parameter.empty
    default = field.get_default(call_default_factory=True)
    if name in DEPENDENT or is_required or field.is_required():
        return
    default = True if isinstance(default, BaseModel) else default
    assert parameter.default == default or (parameter.default in UNSET and default in UNSET)


@pytest.mark.parametrize(("door", "name"), CASES)
def test_an_argument_accepts_what_its_field_does(door: Door, name: str) -> None:
    field = match_fields(door)[name]
    kind = Annotated[field.annotation, *field.metadata, Field()]
    reader: TypeAdapter[Any] = TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False))

    def is_valid(value: Any) -> bool:
        try:
            reader.validate_python(value)
        except ValidationError:
            return False
        return True

    probes = PROBES.get(name, NUMBERS)
    assert [door.rules[name].accepts(value) for value in probes] == [is_valid(value) for value in probes]


@pytest.mark.parametrize("door", DOORS[:3], ids=lambda door: door.call.__name__)
def test_the_documentation_of_an_estimator_tells_defaults_and_choices(door: Door) -> None:
    parameters, fields = inspect.signature(door.call).parameters, match_fields(door)
    documentation = {
        name: (kind, ast.literal_eval(default))
        for source in (KANRegressor, KANEstimator, door.call)
        for name, kind, default in DOCUMENTED.findall(source.__doc__)
    }
    assert {name: documentation[name][1] for name in parameters} == {
        name: parameter.default for name, parameter in parameters.items()
    }
    for name, field in fields.items():
        choices = re.search(r"\{(.*)\}", documentation[name][0])
        if choices:
            literals = [part for part in list_types(field.annotation) if get_origin(part) is Literal]
            values = {value for literal in literals for value in get_args(literal)}
            assert set(ast.literal_eval(choices[0])) == values, name
