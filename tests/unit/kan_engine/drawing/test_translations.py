"""What pictures say has its Russian, with the same values in it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from kan_engine.drawing.translations import RUSSIAN, localise_number, say

ROOT = Path(__file__).parents[4]


def said() -> Iterator[str]:
    """Every sentence that is said somewhere in the source."""
    for path in sorted([*(ROOT / "service").rglob("*.py"), *(ROOT / "kan_engine").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="say", value=ast.Name(id="theme") | ast.Attribute(attr="theme")),
                    args=[sentence],
                ):
                    assert isinstance(sentence, ast.Constant), f"{path}: write out what is said"
                    yield str(sentence.value)


def test_all_that_is_said_is_in_the_table_and_nothing_else() -> None:
    assert set(said()) == set(RUSSIAN)


@pytest.mark.parametrize("sentence", RUSSIAN)
def test_a_sentence_has_the_same_values_in_both_languages(sentence: str) -> None:
    assert values(RUSSIAN[sentence]) == values(sentence)


def values(sentence: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize(
    ("english", "russian"),
    [("20,000.5", "20\xa0000,5"), ("−3.5·10⁻⁷", "−3,5·10⁻⁷"), ("7", "7")],
)
def test_numbers_are_written_as_in_the_language(english: str, russian: str) -> None:
    assert localise_number("en", english) == english
    assert localise_number("ru", english) == russian


def test_names_stay_as_they_are_and_numbers_do_not() -> None:
    told = say("ru", "{edge}, score {score}", edge="a.b, {c} → y", score=0.25)
    assert told == "a.b, {c} → y, важность 0,25"
