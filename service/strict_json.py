"""Strict JSON parser: a silently changed value would give a wrong result later.

It refuses, with the place: NaN, infinities and numbers beyond a double; repeated keys; nesting deeper than
`MAX_DEPTH`; NUL in a text, which PostgreSQL cannot store; lone surrogates and anything other than UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import orjson

from service.errors import Malformed

if TYPE_CHECKING:
    from pydantic import JsonValue

MAX_DEPTH = 64
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
SPACE_BEFORE_COLON = re.compile(rb'"\s+:')
LONG_INTEGER_DIGITS = 19  # digits of the smallest integer that does not fit into 64 bits
DIGITS_AS_ZEROS = bytes(code if code == ord(".") else 48 if 48 <= code < 58 else 32 for code in range(256))
NON_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")


class _RepeatedKey(ValueError):
    """An object has a key twice."""


def parse(raw: bytes) -> Any:
    """Parse one JSON value.

    orjson decides what is JSON, but it hides repeated keys and the exact digits of large integers. If the
    text may have either, the standard library parses it again. Most texts have neither; orjson alone takes
    a tenth of the time.

    Raises:
        Malformed: The text is not JSON, or not JSON that can be taken literally.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _make_malformed_error(raw, error) from None
    if b"\\" in raw and ESCAPED_NUL.search(raw):
        raise Malformed("nul_character", "a text contains the character NUL (\\u0000); remove it")
    if _may_have_long_integers(raw) or _may_repeat_keys(raw, value):
        value = _parse_exactly(raw)
    if _may_be_too_deep(raw):
        _refuse_deep_nesting(value)
    return value


def pointer(path: list[str | int]) -> str:
    """The place of a value as a JSON pointer in a URI fragment (RFC 6901), as problem details show it."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _may_have_long_integers(raw: bytes) -> bool:
    """Whether the text has `LONG_INTEGER_DIGITS` digits in a row that do not follow a point."""
    digits, long = raw.translate(DIGITS_AS_ZEROS), b"0" * LONG_INTEGER_DIGITS
    start = digits.find(long)
    while start >= 0:
        if digits[start - 1 : start] != b".":
            return True
        start = digits.find(long, digits.find(b" ", start))
    return False


def _may_repeat_keys(raw: bytes, value: Any) -> bool:
    """Whether the text may have more keys than the parsed value has entries.

    With as many colons as entries no key is repeated. Otherwise every quote before a colon counts as the end
    of a key. Texts that begin with a colon, or contain a quote before one, count as well; that costs a second
    parse, and no error.
    """
    entries = _count_entries(value, raw.count(b"{"))
    if raw.count(b":") == entries:
        return False
    return bool(SPACE_BEFORE_COLON.search(raw)) or raw.count(b'":') != entries


def _count_entries(value: Any, objects: int) -> int:
    """Number of entries of all objects; the search ends when ``objects`` of them are found."""
    entries, level = 0, [value]
    while level and objects:
        dicts = [node for node in level if isinstance(node, dict)]
        objects -= len(dicts)
        entries += sum(map(len, dicts))
        level = [child for parent in level for child in _child_containers(parent)] if objects else []
    return entries


def _parse_exactly(raw: bytes) -> Any:
    try:
        return json.loads(raw, object_pairs_hook=_reject_repeated_keys)
    except _RepeatedKey as error:
        raise Malformed(
            "duplicate_key", f"the key {str(error)!r} is given twice in one object; keep one"
        ) from None


def _may_be_too_deep(raw: bytes) -> bool:
    """Whether brackets are left after removing the allowed number of levels, innermost first."""
    brackets = raw.translate(None, NON_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _reject_repeated_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                raise _RepeatedKey(key)
            keys.add(key)
    return members


def _refuse_deep_nesting(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _child_containers(parent)]
        if not level:
            return
    raise make_depth_error()


def make_depth_error() -> Malformed:
    """The refusal of lists and objects that are nested too deeply."""
    detail = f"the JSON is nested more than {MAX_DEPTH} levels deep; flatten it"
    return Malformed("too_deep", detail, limit=MAX_DEPTH)


def _child_containers(parent: Any) -> list[Any]:
    children = parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ()
    return [child for child in children if isinstance(child, dict | list)]


def _make_malformed_error(raw: bytes, error: orjson.JSONDecodeError) -> Malformed:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return Malformed(
            "malformed_json", "the JSON begins with a byte order mark; send plain UTF-8 without one"
        )
    path = _locate_non_finite(raw)
    if path is not None:
        where = pointer(path)
        detail = f"{where} is no JSON number (NaN, Infinity or too large); send null for a missing value"
        return Malformed.make_at("not_a_number", detail, {"pointer": where})
    return Malformed(
        "malformed_json",
        f"the JSON cannot be read at line {error.lineno}, column {error.colno}: {error.msg}; correct it",
        line=error.lineno,
        column=error.colno,
    )


def _locate_non_finite(raw: bytes) -> list[str | int] | None:
    """Path of the first NaN or infinity; None if the text is invalid for another reason."""
    try:
        return _find_non_finite(json.loads(raw, parse_int=float))  # 10**400 overflows a double as 1e999 does
    except (ValueError, RecursionError):
        return None


def _find_non_finite(value: Any) -> list[str | int] | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else []
    children: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        path = _find_non_finite(child)
        if path is not None:
            return [key, *path]
    return None
