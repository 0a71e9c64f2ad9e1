"""The blocks of code in the documents, and who runs each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt

from service.api.routes.guide_pages import ENGLISH, PAGES, RUSSIAN
from tests.support.containers.compose import ROOT

Runner = Literal["service", "engine", "dry", "clients"]

RUNNERS: Mapping[str, Runner | None] = {
    "sh": "service",
    "sh refused": "service",
    "python": "service",
    "python engine": "engine",
    "sh dry": "dry",
    "ts": "clients",
    "json": None,
    "text": None,
    "yaml": None,
    "mermaid": None,
    "": None,
}
"""Who runs a block, by the words behind its fence, of which readers see none; None for what is no program.

- ``service``: ``make test-faults``, one after the other with a whole service (``test_guide_examples.py``).
- ``engine``: also ``make test``, without a service and with short searches (``test_guide_examples.py``).
- ``dry``: ``make test`` checks syntax, commands, options and names (``tests/unit/test_examples.py``).
- ``clients``: ``make test`` compiles it with generated clients (``test_generated_clients.py``).
"""

PACKAGES = ("kan_engine", "service", "worker", "migrations")
ENGLISH_GUIDE = [f"service/guide/{ENGLISH}/{name}.md" for name in PAGES]
WALKED = ["README.md", "CONTRIBUTING.md", *ENGLISH_GUIDE]
"""The documents whose blocks a whole service runs, in this order."""

PROGRAMS = re.compile(
    r"^\s*(\$ )?(kan-service|curl|docker|kubectl|make|pip|python3?|npx|export|bash|import|from)\b",
    re.MULTILINE,
)
LITERAL_BLOCK = re.compile(r"(^|[^:])::$|^\s*```(?!`)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code of a document.

    Attributes:
        document: Its path from the root.
        line: Of the fence.
        info: The words behind the fence.
    """

    document: str
    line: int
    info: str
    content: str

    @property
    def runner(self) -> Runner | None:
        """Who runs it; KeyError for words that say nothing of it."""
        return None if self.info.startswith("json ") else RUNNERS[self.info]

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def list_documents() -> list[str]:
    """All documents of the repository."""
    folders = (*PACKAGES, "docs", "tests")
    paths = [*ROOT.glob("*.md"), *(path for folder in folders for path in (ROOT / folder).rglob("*.md"))]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def list_blocks(document: str) -> list[Block]:
    """The blocks of code of a document, as it is written."""
    tokens = MarkdownIt().parse((ROOT / document).read_text(encoding="utf-8"))
    return [
        Block(document, token.map[0] + 1 if token.map else 0, token.info, token.content)
        for token in tokens
        if token.type in ("fence", "code_block")
    ]


def translate_path(document: str) -> str:
    """The English original of a page of the guide in Russian; other documents are originals."""
    return document.replace(f"service/guide/{RUSSIAN}/", f"service/guide/{ENGLISH}/")


def list_docstrings() -> Iterator[tuple[str, str]]:
    """Path and text of every docstring of the packages."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    text = ast.get_docstring(node)
                    if text:
                        yield path.relative_to(ROOT).as_posix(), text
