"""Pages of the guide: Markdown files of the package, rendered to HTML without scripts or external resources.

Formulas between dollar signs become MathML, which browsers display and screen readers read. Links between
pages are links between files (``trust.md#domain``), so that they also work in the source folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from importlib.resources import files
from itertools import pairwise
from string import Template
from typing import TYPE_CHECKING, Any, Final

from latex2mathml.converter import convert
from pydantic import JsonValue

from kan_engine.drawing.translations import localise_number
from service.documents.plots import render_plots as plots_as_markdown
from service.documents.request_fields import render_fields as fields_as_markdown
from service.error_codes import render_error_codes as codes_as_markdown
from service.schemas.figures import LanguageName
from service.settings_report import render_settings as settings_as_markdown

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PAGES = (
    "first-formula",
    "reading",
    "limits",
    "trust",
    "monitoring",
    "equations",
    "forms",
    "knowledge",
    "units",
    "tuning",
    "http",
    "cli",
    "from-python",
    "from-pykan",
    "agents",
    "gallery",
    "operating",
    "upgrading",
    "webhooks",
    "mathematics",
    "errors",
)
ENGLISH: Final = "en"
RUSSIAN: Final = "ru"
FOLDER = files("service").joinpath("guide")
TITLE_PATTERN = re.compile(r"# (.+)\n")
PAGE_LINK_PATTERN = re.compile(r"([a-z-]+)\.md(#.*)?")
GENERATED_SECTIONS = {
    "[[codes]]": codes_as_markdown,
    "[[fields]]": fields_as_markdown,
    "[[plots]]": plots_as_markdown,
    "[[settings]]": settings_as_markdown,
}
MEASUREMENT_PATTERN = re.compile(r"\[\[([a-z][^\]\s]*\.[^\]\s]+)\]\]")
PICTURE_LINK_PATTERN = re.compile(r"pictures/([\w-]+\.svg)")


@dataclass(frozen=True)
class PageLabels:
    """Labels around the text of a page, in one language."""

    name: str
    skip: str
    pages: str
    turn: str


LANGUAGES = {
    ENGLISH: PageLabels("English", "Skip to the text", "Pages of the guide", "Previous and next page"),
    RUSSIAN: PageLabels(
        "Русский",
        "Перейти к тексту",
        "Страницы руководства",
        "Предыдущая и следующая страница",
    ),
}


@lru_cache(maxsize=128)
def render_page(name: str, language: LanguageName, *, root: str, is_asked_for: bool) -> str:
    """Render a page of the guide as HTML.

    Args:
        name: One of ``PAGES``.
        language: One of ``LANGUAGES``.
        root: Path prefix of the service behind a proxy.
        is_asked_for: Whether the URL names the language; if so, the links of the page name it, too.
    """
    words = LANGUAGES[language]
    query = f"?lang={language}" if is_asked_for else ""
    template = FOLDER.joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        language=language,
        title=escape(read_title(name, language)),
        root=escape(root),
        skip=words.skip,
        languages=_language_links(name, language, root),
        pages_label=words.pages,
        pages="\n".join(_page_entry(page, name, language, root, query) for page in PAGES),
        content=_render_tokens(_parse_page(name, language), language, root, query),
        turn_label=words.turn,
        turn=_neighbour_links(name, language, root, query),
    )


def read_title(name: str, language: LanguageName) -> str:
    """The title of a page, from its first line."""
    match = TITLE_PATTERN.match(read_source(name, language))
    assert match is not None, f"{name} begins without a heading"  # noqa: S101  # a file of ours
    return match[1]


def read_source(name: str, language: LanguageName) -> str:
    """The Markdown of a page, with marks replaced by generated sections and measured numbers."""
    source = FOLDER.joinpath(language, f"{name}.md").read_text(encoding="utf-8")
    for mark, make in GENERATED_SECTIONS.items():
        if mark in source:
            source = source.replace(mark, make(language))
    return MEASUREMENT_PATTERN.sub(lambda match: format_measurement(match[1], language), source)


@lru_cache(maxsize=1)
def load_gallery() -> dict[str, JsonValue]:
    """Numbers measured by ``make gallery``, by the name of the gallery's job."""
    return dict(json.loads(FOLDER.joinpath("gallery.json").read_text(encoding="utf-8")))


def format_measurement(path: str, language: LanguageName) -> str:
    """Format a number of the gallery, which a page names as ``[[california.metrics.mae]]``."""
    place: Any = load_gallery()
    for name in path.split("."):
        place = place[int(name)] if isinstance(place, list) else place[name]
    if not isinstance(place, float) or not place:
        return str(place).removesuffix(".0")
    size = abs(place)
    if not 1e-3 <= size < 1e5:
        digits, exponent = f"{place:.1e}".split("e")
        return localise_number(language, f"{digits}e{int(exponent)}")
    return f"{place:.0f}" if size >= 100 else localise_number(language, f"{place:#.3g}")


def load_pictures(language: LanguageName) -> dict[str, bytes]:
    """The pictures of the gallery by file name."""
    folder = FOLDER.joinpath(language, "pictures")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _parse_page(name: str, language: LanguageName) -> list[Token]:
    """Parse a page. Headings of a translation get the anchors of the English page, so that links work."""
    parse = _make_markdown().parse
    tokens = parse(read_source(name, language))
    if language != ENGLISH:
        original = _find_headings(parse(read_source(name, ENGLISH)))
        for (heading, words), (english_heading, _) in zip(_find_headings(tokens), original, strict=True):
            anchor = str(english_heading.attrGet("id"))
            heading.attrSet("id", anchor)
            to_itself = [child for child in words.children or () if child.attrGet("class") == "header-anchor"]
            to_itself[0].attrSet("href", f"#{anchor}")
    return tokens


def _find_headings(tokens: Sequence[Token]) -> list[tuple[Token, Token]]:
    """Every heading that has an anchor, with the token of its text."""
    return [(token, after) for token, after in pairwise(tokens) if token.tag != "h1" and token.attrGet("id")]


def _render_tokens(tokens: Sequence[Token], language: LanguageName, root: str, query: str) -> str:
    for token in _child_tokens(tokens):
        for attribute in ("href", "src"):
            target = token.attrGet(attribute)
            if isinstance(target, str):
                token.attrSet(attribute, _resolve_link(target, language, root, query))
    markdown = _make_markdown()
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _child_tokens(tokens: Sequence[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


def _resolve_link(target: str, language: LanguageName, root: str, query: str) -> str:
    """Convert a link between files to a path of the service."""
    if PICTURE_LINK_PATTERN.fullmatch(target):
        return f"{root}/guide/{language}/{target}"
    if match := PAGE_LINK_PATTERN.fullmatch(target):
        return f"{root}/guide/{match[1]}{query}{match[2] or ''}"
    if target.endswith(".svg"):
        return f"{root}/guide/assets/{target.rpartition('/')[2]}"
    return root + target if target.startswith("/") else target


def _page_entry(name: str, present: str, language: LanguageName, root: str, query: str) -> str:
    here = ' aria-current="page"' if name == present else ""
    return f"<li>{_page_link(name, language, root, query, here)}</li>"


def _neighbour_links(name: str, language: LanguageName, root: str, query: str) -> str:
    place = PAGES.index(name)
    before, after = PAGES[max(place - 1, 0) : place], PAGES[place + 1 : place + 2]
    links = [_page_link(page, language, root, query, ' rel="prev"', "← ") for page in before]
    links += [_page_link(page, language, root, query, ' rel="next"', "→ ") for page in after]
    return "\n".join(links)


def _page_link(name: str, language: LanguageName, root: str, query: str, attrs: str, arrow: str = "") -> str:
    href = escape(f"{root}/guide/{name}{query}")
    return f'<a href="{href}"{attrs}>{arrow}{escape(read_title(name, language))}</a>'


def _language_links(name: str, present: str, root: str) -> str:
    return "".join(
        f"<strong>{words.name}</strong>"
        if language == present
        else f'<a href="{escape(root)}/guide/{name}?lang={language}" lang="{language}" '
        f'hreflang="{language}">{words.name}</a>'
        for language, words in LANGUAGES.items()
    )


def _convert_to_mathml(tex: str, how: dict[str, Any]) -> str:
    return str(convert(tex, display="block" if how["display_mode"] else "inline"))


@cache
def _make_markdown() -> MarkdownIt:
    """A renderer for CommonMark with tables and formulas, without HTML. Keyboards can scroll wide tables."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  # the API starts without what renders its guide
    from mdit_py_plugins.anchors import anchors_plugin  # noqa: PLC0415
    from mdit_py_plugins.dollarmath import dollarmath_plugin  # noqa: PLC0415

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.use(dollarmath_plugin, renderer=_convert_to_mathml, double_inline=True, allow_digits=False)
    markdown.use(anchors_plugin, min_level=2, max_level=3, permalink=True, permalinkSymbol="#")
    markdown.renderer.rules["table_open"] = lambda *_: '<div class="wide" tabindex="0"><table>\n'  # type: ignore[attr-defined]
    markdown.renderer.rules["table_close"] = lambda *_: "</table></div>\n"  # type: ignore[attr-defined]
    return markdown
