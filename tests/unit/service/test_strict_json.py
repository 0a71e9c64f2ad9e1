"""JSON is taken literally or not at all."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import strict_json
from service.errors import Malformed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"null", None),
        (b"[1, 2.5, -0.0, 1e-400]", [1, 2.5, 0.0, 0.0]),
        (b'{"a": {"a": 1}}', {"a": {"a": 1}}),
        (b"9223372036854775808", 2**63),
        ('"\u202e \U0001f600"'.encode(), "\u202e \U0001f600"),
        (rb'"\\u0000"', r"\u0000"),
    ],
)
def test_plain_json_is_read(text: bytes, value: Any) -> None:
    assert strict_json.parse(text) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"1 2", "malformed_json"),
        (b'"\xff"', "malformed_json"),
        (rb'"\ud800"', "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        ("{}".encode("utf-16"), "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b'{"a": 1, "a": 1}', "duplicate_key"),
        (rb'{"a": "\u0000"}', "nul_character"),
        (b"[1, NaN]", "not_a_number"),
        (b"Infinity", "not_a_number"),
        (b"-1e400", "not_a_number"),
        (b"9" * 400, "not_a_number"),
        (b"9" * 5000, "not_a_number"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: bytes, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        strict_json.parse(text)
    assert refused.value.code == code


def test_nesting_up_to_the_limit_is_read() -> None:
    assert strict_json.parse(b"[" * 64 + b"]" * 64)


@pytest.mark.parametrize("number", [b"NaN", b"-1e999", b"1" + b"0" * 400, b"-1" + b"0" * 30_000])
def test_the_place_of_a_number_that_is_none_is_named(number: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        strict_json.parse(b'{"columns": {"x/y": [1, ' + number + b"]}}")
    assert refused.value.errors[0].place["pointer"] == "#/columns/x~1y/1"


def test_a_syntax_error_is_located() -> None:
    with pytest.raises(Malformed) as refused:
        strict_json.parse(b'{"a": 1,\n "b" 2}')
    assert (refused.value.extra["line"], refused.value.extra["column"]) == (2, 6)


KEYS = st.text(alphabet='ab":\\{ 1', max_size=4)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, KEYS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.lists(st.tuples(KEYS, inner), max_size=4)),
    max_leaves=12,
)


def written(value: Any, colon: str) -> str:
    """A value as JSON; lists of pairs become objects, whose keys may repeat."""
    if isinstance(value, list) and value and all(isinstance(entry, tuple) for entry in value):
        return "{" + ",".join(json.dumps(key) + colon + written(v, colon) for key, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(entry, colon) for entry in value) + "]"
    return json.dumps(value)


@given(VALUES, st.sampled_from([":", ": ", " :", "\n: "]))
def test_the_quick_way_reads_what_the_careful_way_reads(value: Any, colon: str) -> None:
    raw = written(value, colon).encode()
    ways = strict_json._parse_exactly, strict_json.parse
    careful, quick = (outcome(way, raw) for way in ways)
    assert quick == careful


def outcome(read: Callable[[bytes], Any], raw: bytes) -> str:
    """What was read, telling 1 from 1.0, or why nothing was."""
    try:
        return repr(read(raw))
    except Malformed as refused:
        return refused.code


@pytest.mark.parametrize("length", [19, 20, 25])
def test_a_long_integer_among_long_fractions_keeps_its_digits(length: int) -> None:
    number = int("1" * length)
    raw = f"[0.{'7' * 30}, {number}, 1.{'3' * 19}]".encode()
    assert strict_json.parse(raw)[1] == number
