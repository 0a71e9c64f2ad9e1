"""A model card as Markdown shows what clients wrote, and lets none of it become markup."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from service.operations.models.model_card_markdown import format_code, format_number, render_card
from service.schemas.formulas import ConstantOut
from service.schemas.registry.card import (
    CardBaseline,
    CardData,
    CardFeature,
    CardFormula,
    CardFormulas,
    CardMaking,
    CardOut,
    CardStep,
)

READERS = {
    "CommonMark": MarkdownIt("commonmark"),
    "with tables and strikethrough, as on GitHub": MarkdownIt("gfm-like", {"linkify": False}),
}
OURS = {"heading", "paragraph", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td"}
TEXT = {"inline", "text", "code_inline", "softbreak"}
HEADINGS = [
    "Data",
    "Features",
    "Metrics",
    "Formula",
    "Warnings",
    "Limits of use",
    "Training",
    "Lineage",
]
ATTACKS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "<http://evil.example>",
    "a@evil.example",
    "www.evil.example",
    "# heading",
    "x\n\n# heading\n\n",
    "x\r## heading",
    "x\u2028# heading",
    "`<b>`",
    "``<b>``",
    "` <b>",
    "<b> `",
    "`",
    "```",
    "\\`<b>",
    "\\|<img src=x onerror=alert(1)>",
    "a | b",
    "---",
    "- list",
    "1. list",
    "> quote",
    "*em* _em_ ~~del~~",
    "&lt;b&gt;",
    "[ref]: http://evil.example",
    " padded ",
    "",
    "   ",
    "\u202edesrever",
]


def card_of(text: str) -> CardOut:
    """A card in which a client wrote this wherever clients write."""
    return CardOut(
        model_id="m",
        name=text,
        version=1,
        aliases=[text],
        tags={text: text},
        task="classification",
        target=text,
        unit=text,
        classes=[text, True, 1.5],
        data=CardData(
            dataset_id="d", name=text, sha256="0" * 64, rows=9, is_kept=False, split={"kind": text}
        ),
        features=[
            CardFeature(
                name=text, type="number", unit=text, min=0.0, max=1.0, categories=None, missing="not recorded"
            ),
            CardFeature(
                name=text,
                type=text,
                unit=None,
                min=None,
                max=None,
                categories=[text] * 30,
                missing="not recorded",
            ),
        ],
        metrics={"accuracy": 0.9, text: 1.0},
        parameters=20,
        training_seconds=1.5,
        baselines=[CardBaseline(name=text, metrics={"accuracy": 0.8}, parameters=3, seconds=0.1)],
        formulas=CardFormulas(
            verdict=text,
            exact=False,
            measured_on=text,
            outputs=[
                CardFormula(
                    name=text,
                    expression=text,
                    quantity="value",
                    symbols={text: text},
                    domain={text: [text]},
                    complexity=1,
                    r2=0.5,
                    rmse=None,
                    max_error=None,
                    constants=[ConstantOut(value=2.006, standard_error=0.0031, unit=text, name=text)],
                )
            ],
        ),
        warnings=[text, {"detail": text}, {text: text}],
        limits=["It holds here."],
        made=CardMaking(
            job_id="j",
            code_version=text,
            seed=0,
            seconds=1.0,
            request={"target": text},
            imported={"filename": text},
        ),
        lineage=[CardStep(model_id=text, name=text, version=1, changes={"drop": [text]})],
        created_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    )


def tokens(markdown: str, reader: str) -> list[Token]:
    """All of it, flat."""
    found = []
    for token in READERS[reader].parse(markdown):
        found += [token, *(token.children or [])]
    return found


def assert_only_ours(markdown: str, reader: str) -> None:
    """No markup but what the card itself is made of, and as much of it as in a harmless card."""
    found, harmless = tokens(markdown, reader), tokens(render_card(card_of("x")), reader)
    kinds = [token.type.removesuffix("_open").removesuffix("_close") for token in found]
    assert set(kinds) <= OURS | TEXT
    for kind in OURS:
        assert kinds.count(kind) == [t.type.rpartition("_")[0] for t in harmless].count(kind), kind


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_that_a_client_wrote_becomes_markup(text: str, reader: str) -> None:
    assert_only_ours(render_card(card_of(text)), reader)


@settings(max_examples=25)
@given(st.text(alphabet=st.sampled_from("`\\|<>[]()!#*_~&:\n\r \t-=+.a1\u00a0\u2028"), max_size=30))
def test_no_text_at_all_becomes_markup(text: str) -> None:
    for reader in READERS:
        assert_only_ours(render_card(card_of(text)), reader)


@settings(max_examples=25)
@given(st.text(max_size=30))
def test_a_text_is_shown_as_it_is_but_for_what_ends_a_line(text: str) -> None:
    (paragraph,) = (
        token for token in READERS["CommonMark"].parse(f"- {format_code(text)}") if token.children
    )
    shown = "".join(token.content for token in paragraph.children or [])
    if text.isprintable() and text.strip():
        assert shown == text
    assert [token.type for token in paragraph.children or []] in (["code_inline"], ["text"])


def test_a_card_has_its_headings_in_order() -> None:
    found = READERS["CommonMark"].parse(render_card(card_of("x")))
    titles = [found[place + 1].content for place, token in enumerate(found) if token.type == "heading_open"]
    assert titles == ["Model `x`, version 1", *HEADINGS]


def test_a_long_list_of_categories_is_cut_short_and_says_so() -> None:
    assert "and 10 more" in render_card(card_of("x"))


@pytest.mark.parametrize(("value", "shown"), [(None, "unknown"), (0.123456789, "0.123457"), (1e-9, "1e-09")])
def test_numbers_are_written_as_people_write_them(value: float | None, shown: str) -> None:
    assert format_number(value) == shown
