"""The documents of the repository: links that resolve, and a README that stays short.

The pages of the guide have tests of their own (``tests/integration/service/api/test_guide.py``).
"""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("kan_engine", "service/examples", "tests")),
]
README_BYTES = 10_000  # read in five minutes; the rest is in the guide and in docs/
PACKAGES = ("kan_engine", "service", "worker", "migrations", "tests", "docs")
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_between_documents_resolves(document: Path) -> None:
    broken = [target for target in links(document) if not resolves(target, document)]
    assert broken == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md"])
def test_every_path_that_a_document_names_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(rf"`((?:{'|'.join(PACKAGES)})/[\w./-]*)`", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= README_BYTES


def test_the_version_has_its_changes_and_its_steps_of_an_upgrade() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    released = re.findall(
        r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert released[0] == version
    for language in ("en", "ru"):
        page = ROOT / "service" / "guide" / language / "upgrading.md"
        headings = re.findall(r"^## .* (\d+\.\d+\.\d+)$", page.read_text(encoding="utf-8"), re.M)
        assert headings[0] == version


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert links(folder / "README.md") == pages


def test_the_page_of_benchmarks_has_a_place_for_the_goals() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text.index("<!-- make bench: begin -->") < text.index("<!-- make bench: end -->")


def test_the_page_of_benchmarks_has_a_place_for_the_fronts() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    begin, end = (f"<!-- make bench SECTION=front: {word} -->" for word in ("begin", "end"))
    assert text.index(begin) < text.index(end)


def links(document: Path) -> list[str]:
    """Where the links and pictures of a document lead, addresses elsewhere left out."""
    tokens = MARKDOWN.parse(document.read_text(encoding="utf-8"))
    children = [child for token in tokens for child in token.children or ()]
    targets = [str(child.attrGet("href") or child.attrGet("src") or "") for child in children]
    return [target for target in targets if target and not urlsplit(target).scheme]


def resolves(target: str, document: Path) -> bool:
    address = urlsplit(target)
    path = (document.parent / address.path).resolve() if address.path else document
    return path.exists() and (not address.fragment or address.fragment in anchors(path))


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
