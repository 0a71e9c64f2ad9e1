"""The page for users of pykan tells of each of its functions where it is here, and what it names is there."""

import inspect
import re
from dataclasses import dataclass, fields

import pytest

import kan_engine
from kan_engine import KAN, KANConfig, TrainingConfig
from service.api.routes.guide_pages import ENGLISH, RUSSIAN, read_source
from service.schemas.figures import LanguageName
from tests.support.containers.compose import ROOT

PYKAN = (ROOT / "tests" / "data" / "pykan_names.txt").read_text(encoding="utf-8").splitlines()
LANGUAGES: tuple[LanguageName, ...] = (ENGLISH, RUSSIAN)
OWNERS = {"KAN": KAN, "kan_engine": kan_engine}
CONFIGS = {"KANConfig": KANConfig, "TrainingConfig": TrainingConfig}
NAME = re.compile(r"(\w+)\.(\w+)(?:\((\w+)\))?")
NOTHING = "—"


@dataclass(frozen=True)
class Line:
    """A line of a table: names of pykan, those of ours, and what differs."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    difference: str


def list_lines(language: LanguageName) -> list[Line]:
    cells = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in re.findall(r"^\| ?`.*\|$", read_source("from-pykan", language), re.MULTILINE)
    ]
    return [Line(find_codes(theirs), find_codes(ours) or (ours,), text) for theirs, ours, text in cells]


def find_codes(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


OURS = sorted({name for line in list_lines(ENGLISH) for name in line.ours} - {NOTHING})


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_every_name_of_pykan_once_and_no_other(language: LanguageName) -> None:
    theirs = [name for line in list_lines(language) for name in line.theirs]
    assert sorted(theirs) == sorted({name for name in PYKAN if not name.startswith("#")})


def test_both_languages_name_the_same() -> None:
    first, *others = [[(line.theirs, line.ours) for line in list_lines(language)] for language in LANGUAGES]
    assert all(other == first for other in others)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_to_do_where_there_is_no_counterpart(language: LanguageName) -> None:
    without = [line for line in list_lines(language) if line.ours == (NOTHING,)]
    assert without
    assert [line.theirs for line in without if not line.difference] == []


@pytest.mark.parametrize("name", OURS)
def test_what_the_page_names_is_there(name: str) -> None:
    match = NAME.fullmatch(name)
    assert match is not None
    owner, member, argument = match.groups()
    if owner in CONFIGS:
        assert member in {field.name for field in fields(CONFIGS[owner])}
        return
    found = getattr(OWNERS[owner], member)
    assert argument is None or argument in inspect.signature(found).parameters


@pytest.mark.parametrize("name", [name for name in OURS if name.split(".")[0] in OWNERS])
def test_what_the_page_names_has_a_test(name: str) -> None:
    """Methods in the tests of the network to work on by hand, where few other things have their names."""
    owner, member, argument = NAME.fullmatch(name).groups()  # type: ignore[union-attr]
    tests = ROOT / "tests" / "unit" / "kan_engine"
    folder = tests / "workbench" if owner == "KAN" else tests
    sources = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("test_*.py"))]
    use = rf"\b{argument}=" if argument else rf"\.{member}\b" if owner == "KAN" else rf"\b{member}\("
    assert any(re.search(use, source) for source in sources)
