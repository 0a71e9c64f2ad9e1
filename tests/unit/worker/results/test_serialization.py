"""Records become JSON in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.tables import request_for
from worker.results.serialization import INLINED, OMIT_NONE, to_json


@dataclass
class Inner:
    one: int = 1
    both: str = "inner"


@dataclass
class Outer:
    class_: Any = None
    optional: int | None = field(default=None, metadata=OMIT_NONE)
    inner: Inner | Mapping[str, int] = field(default_factory=Inner, metadata=INLINED)
    both: str = "outer"


def test_none_is_null_except_in_a_field_that_is_left_out() -> None:
    assert to_json(Outer(inner={})) == {"class": None, "both": "outer"}
    assert to_json(Outer(inner={}, optional=0)) == {"class": None, "optional": 0, "both": "outer"}


def test_an_inlined_record_or_mapping_stands_where_its_field_was_and_later_entries_replace_it() -> None:
    assert list(to_json(Outer()).items()) == [("class", None), ("one", 1), ("both", "outer")]
    assert to_json(Outer(inner={"two": 2})) == {"class": None, "two": 2, "both": "outer"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1.5, (True, "a")), [1.5, [True, "a"]]),
        ({"x": [Inner()]}, {"x": [{"one": 1, "both": "inner"}]}),
        (request_for().split, request_for().split.model_dump(mode="json")),
    ],
)
def test_values_are_converted_at_any_depth(value: object, expected: object) -> None:
    assert to_json(Outer(class_=value))["class"] == expected


def test_a_value_without_a_form_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="complex has no JSON form"):
        to_json(Outer(class_=1j))
