"""The table of codes and the source say the same."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from kan_engine.errors import EQUATION_CODES
from service import errors
from service.api.http import problems
from service.documents.prediction_warnings import WARNING_CODES
from service.error_codes import ErrorCode, list_entry_groups, list_error_groups, render_error_codes
from worker.execution.runner import _snake_case

ROOT = Path(__file__).parents[3]
WORD = re.compile(r"[a-z]+(_[a-z0-9]+)*")
CLASSES = {
    name: kind.status
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.ServiceError)
}
# Functions whose first text is the code of an entry, a warning, or the end of a job.
HELPERS = {
    "_make_refusal",
    "_make_entries",
    "_make_comma_warning",
    "_make_invalid",
    "_field_error",
    "ErrorEntry",
    "_Failure",
}
ENGINE = (
    "InvalidConfig",
    "InvalidData",
    "TrainingDiverged",
    "DeviceUnavailable",
    "SymbolicFitFailed",
    "ArtifactError",
    "NoSolution",
)


def sources() -> Iterator[ast.AST]:
    for package in ("service", "worker"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "client" not in path.parts and not path.name.startswith("cli"):
                yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def raised() -> dict[str, set[int]]:
    """Codes with the statuses of the errors that carry them; none where it is not written beside them."""
    found: dict[str, set[int]] = defaultdict(set)
    for node in sources():
        for code, status in codes_in(node):
            found[code] |= {status} if status else set()
    for status, code in problems.CODES_BY_STATUS.items():
        found[code].add(status)
    for name in ENGINE:
        found[_snake_case(name)] |= set()
    for code in EQUATION_CODES:
        found[code] |= set()
    return found


def codes_in(node: ast.AST) -> Iterator[tuple[str, int | None]]:
    match node:
        case ast.Call(func=function, args=arguments, keywords=keywords):
            name = getattr(function, "id", getattr(function, "attr", ""))
            if name == "make_at":  # as in Invalid.make_at
                name = getattr(getattr(function, "value", None), "id", "")
            if name in CLASSES and arguments:
                yield from ((code, CLASSES[name]) for code in words(arguments[0]))
            elif name in HELPERS:
                yield from ((code, None) for argument in arguments[:2] for code in words(argument))
            yield from ((code, None) for word in keywords if word.arg == "code" for code in words(word.value))
        case ast.Yield(value=ast.Tuple(elts=[code, _, _])):
            yield from ((name, None) for name in words(code))
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value in ("code", "error_code"):
                    yield from ((code, None) for code in words(value))


def words(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and WORD.fullmatch(node.value):
        yield node.value


def test_every_code_in_the_source_is_told_of() -> None:
    told = {code.name for codes in list_error_groups().values() for code in codes}
    told |= {name for entries in list_entry_groups().values() for name in entries}
    assert raised().keys() - told == set()


def test_every_code_that_is_told_of_is_in_the_source() -> None:
    found = raised().keys() | set(WARNING_CODES)
    told = [code.name for codes in list_error_groups().values() for code in codes]
    told += [name for entries in list_entry_groups().values() for name in entries]
    assert [name for name in told if name not in found] == []


def test_statuses_are_those_of_the_errors_that_carry_a_code() -> None:
    statuses = {code.name: set(code.statuses) for codes in list_error_groups().values() for code in codes}
    wrong = {
        code: (found, statuses[code])
        for code, found in raised().items()
        if code in statuses and found and not found <= statuses[code]
    }
    assert wrong == {}


def test_no_code_stands_in_the_table_of_errors_twice() -> None:
    told = [code.name for codes in list_error_groups().values() for code in codes]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_error_says_what_it_means_and_what_to_do(language: str) -> None:
    lines = [line for line in render_error_codes(language).splitlines() if line.startswith("| `")]
    assert len(lines) > 100
    assert [line for line in lines if any(not cell.strip() for cell in line.strip("|").split("|"))] == []


def test_every_code_has_russian_words_in_the_same_group() -> None:
    """In the same order: headings of the guide go by their places."""
    for known in (list_error_groups, list_entry_groups):
        english, russian = (list(known(language).values()) for language in ("en", "ru"))
        assert [names(group) for group in russian] == [names(group) for group in english]


def names(group: list[ErrorCode] | dict[str, str]) -> list[str]:
    return [code.name for code in group] if isinstance(group, list) else list(group)


def test_russian_words_name_the_same_fields_and_settings() -> None:
    """What stands in code quotes is to be typed, and is the same in any language."""
    english, russian = (quoted(language) for language in ("en", "ru"))
    assert {name: found for name, found in russian.items() if found != english[name]} == {}


def quoted(language: str) -> dict[str, set[str]]:
    told = {
        code.name: f"{code.meaning} {code.remedy}" for g in list_error_groups(language).values() for code in g
    }
    return {name: set(re.findall(r"`[^`]+`", words)) for name, words in told.items()}
