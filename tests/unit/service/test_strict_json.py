"""JSON is taken literally or not at all."""

from typing import Any

import pytest

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
    assert refused.value.errors[0]["pointer"] == "#/columns/x~1y/1"


def test_a_syntax_error_is_located() -> None:
    with pytest.raises(Malformed) as refused:
        strict_json.parse(b'{"a": 1,\n "b" 2}')
    assert (refused.value.extra["line"], refused.value.extra["column"]) == (2, 6)
