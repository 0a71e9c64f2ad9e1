"""The guide over HTTP: its pages, its languages, its links, and what a browser may do with it."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient

from service.api.routes.guide_pages import ENGLISH, FOLDER, LANGUAGES, PAGES, RUSSIAN, read_source
from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """As other machines see it, without a key; no page asks the database."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("guide"), host="0.0.0.0")
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """As its own machine sees it, where nothing needs a key."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("home"))
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def get(guide: TestClient) -> Callable[[str], Any]:
    """An answer of the guide, which is the same each time."""
    return cache(guide.get)


class Read(HTMLParser):
    """What of a page the tests look at."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str, attribute: str) -> list[str]:
        return [value for name, given in self.tags if name == tag and (value := given.get(attribute))]

    @property
    def ids(self) -> set[str | None]:
        return {given.get("id") for _, given in self.tags}


read = cache(Read)


def pages(language: str) -> list[Any]:
    return [pytest.param(f"/guide/{name}?lang={language}", id=f"{language} {name}") for name in PAGES]


EVERY_PAGE = pytest.mark.parametrize("url", [page for language in LANGUAGES for page in pages(language)])


@EVERY_PAGE
def test_a_page_needs_no_key_no_script_and_nothing_from_elsewhere(
    get: Callable[[str], Any], url: str
) -> None:
    answer = get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    assert "unsafe" not in policy
    page = read(answer.text)
    assert not {"script", "style", "iframe", "merror"} & {tag for tag, _ in page.tags}
    assert not [given for _, given in page.tags if any(name.startswith(("on", "style")) for name in given)]
    assert not [url for url in page.all("img", "src") + page.all("link", "href") if urlsplit(url).netloc]


@EVERY_PAGE
def test_a_page_can_be_read_without_eyes_and_without_a_mouse(get: Callable[[str], Any], url: str) -> None:
    page = read(get(url).text)
    (main,) = [given for tag, given in page.tags if tag == "main"]
    first = next(given for tag, given in page.tags if tag == "a")
    assert (first["href"], main["id"]) == ("#content", "content")
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert all(given.get("alt") for tag, given in page.tags if tag == "img")
    assert all(given.get("aria-label") for tag, given in page.tags if tag == "nav")
    assert len(page.all("a", "aria-current")) == 1


@EVERY_PAGE
def test_every_link_leads_somewhere(get: Callable[[str], Any], at_home: TestClient, url: str) -> None:
    for target in links(get(url).text):
        address = urlsplit(target)
        if address.netloc:
            assert address.scheme == "https"
        elif address.path.startswith("/guide") or target.startswith("#"):
            there = get(urljoin(url, target).partition("#")[0])
            assert there.status_code == 200, target
            assert not address.fragment or unquote(address.fragment) in read(there.text).ids, target
        else:
            assert at_home.get(target).status_code == 200, target


def links(content: str) -> list[str]:
    page = read(content)
    return [
        url for tag, name in (("a", "href"), ("img", "src"), ("link", "href")) for url in page.all(tag, name)
    ]


def test_pages_lead_on_and_back(guide: TestClient) -> None:
    seen = ["/guide/first-formula"]
    while following := re.search(r'href="([^"]+)" rel="next"', guide.get(seen[-1]).text):
        assert f'href="{seen[-1]}" rel="prev"' in guide.get(following[1]).text
        seen.append(following[1])
    assert seen == [f"/guide/{name}" for name in PAGES]


def test_the_guide_begins_with_its_first_page(guide: TestClient) -> None:
    assert guide.get("/guide").text == guide.get("/guide/first-formula").text
    assert guide.get("/v1/guide").text == guide.get("/guide").text


def test_behind_a_proxy_links_have_its_prefix(at_home: TestClient) -> None:
    with TestClient(at_home.app, base_url=LOOPBACK, root_path="/kan") as client:
        inner = [url for url in links(client.get("/guide").text) if url.startswith("/")]
    assert len(inner) > 10
    assert [url for url in inner if not url.startswith("/kan/")] == []


def test_formulas_are_mathml(guide: TestClient) -> None:
    content = guide.get("/guide/mathematics").text
    assert content.count("<math ") > 30
    assert "$" not in re.sub(r"<pre>.*?</pre>", "", content, flags=re.DOTALL)


def test_the_browser_s_language_is_spoken_where_nobody_asks_for_another(guide: TestClient) -> None:
    russian = {"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}
    answer = guide.get("/guide", headers=russian)
    assert answer.headers["content-language"] == "ru"
    assert answer.headers["vary"] == "Accept-Language"
    assert "Первая формула" in answer.text
    assert guide.get("/guide?lang=en", headers=russian).headers["content-language"] == "en"
    assert 'lang="en"' in guide.get("/guide?lang=en", headers=russian).text


@pytest.mark.parametrize("name", PAGES)
def test_a_translation_has_the_examples_of_the_original(name: str) -> None:
    """They are run once, in English."""
    assert examples(name, RUSSIAN) == examples(name, ENGLISH)


@pytest.mark.parametrize("name", PAGES)
def test_a_translation_names_the_same_settings_and_links(name: str) -> None:
    original, translation = (read_source(name, language) for language in (ENGLISH, RUSSIAN))
    for things in (r"`(?:KAN_|[a-z]+[._/])[^`]*`", r"\]\([^)]+\)", r"^\| `[^`]+`"):
        found = [
            sorted(set(re.findall(things, text, flags=re.MULTILINE))) for text in (original, translation)
        ]
        assert found[0] == found[1]


def examples(name: str, language: str) -> list[str]:
    text = FOLDER.joinpath(language, f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^```.*?^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "path",
    [
        "/guide/nothing",
        "/guide/en",
        "/guide/first-formula.md",
        "/guide/..%2f..%2fpyproject.toml",
        "/guide/assets/page.html",
        "/guide/assets/..%2fen%2freading.md",
        "/guide/assets/../../settings.py",
    ],
)
def test_what_is_no_page_is_not_there(guide: TestClient, path: str) -> None:
    answer = guide.get(path)
    assert answer.status_code in (401, 404)  # 401 where the path is no longer the guide's
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/guidebook", "/guide.html", "/models/guide/"])
def test_a_path_that_looks_like_the_guide_s_still_needs_a_key(guide: TestClient, path: str) -> None:
    assert guide.get(path).status_code == 401


def test_an_unknown_language_is_refused(guide: TestClient) -> None:
    answer = guide.get("/guide?lang=tlh")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize(("name", "media_type"), [("guide.css", "text/css"), ("law.svg", "image/svg+xml")])
def test_style_and_picture_are_kept_by_browsers(guide: TestClient, name: str, media_type: str) -> None:
    answer = guide.get(f"/guide/assets/{name}")
    assert answer.headers["content-type"].startswith(media_type)
    assert "max-age" in answer.headers["cache-control"]
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg", "", answer.text)


def test_formulas_of_the_guide_have_the_font_of_the_page(guide: TestClient) -> None:
    answer = guide.get("/guide/assets/guide.css")
    assert 'math { font-family: "STIX Two Math"' in answer.text
    (font,) = re.findall(r'url\("([^"]+)"\)', answer.text)
    address = urljoin("/guide/assets/guide.css", font)
    assert guide.get(address).headers["content-type"] == "font/woff2"
    assert "font-src 'self'" in guide.get("/guide").headers["content-security-policy"]


def test_the_style_knows_the_dark_the_narrow_and_paper(guide: TestClient) -> None:
    style = guide.get("/guide/assets/guide.css").text
    for media in ("prefers-color-scheme: dark", "min-width", "@media print"):
        assert media in style
