"""The page's document and its assets."""

import re

import pytest
from fastapi.testclient import TestClient

from service.api.routes.web import choose_language
from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: the page's files are in no database."""
    return sqlite_url


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ru", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-GB,en;q=0.9,ru;q=0.8", "en"),
        ("de,ru;q=0.5", "ru"),
        ("de", "en"),
        ("ru;q=0", "en"),
        ("ru;q=nonsense,en;q=0.1", "en"),
    ],
)
def test_the_page_speaks_the_language_that_the_browser_prefers(
    accepted: str, language: str, client: TestClient
) -> None:
    assert choose_language(accepted) == language
    page = client.get("/", headers={"Accept-Language": accepted} if accepted else {})
    assert f'<html lang="{language}">' in page.text
    assert page.headers["vary"] == "Accept-Language, Cookie"


def test_a_chosen_language_is_kept_and_goes_before_the_preference(client: TestClient) -> None:
    russian = {"Accept-Language": "ru"}
    assert '<html lang="ru">' in client.get("/", headers=russian).text
    chosen = client.get("/?lang=en", headers=russian)
    assert '<a class="language" href="?lang=ru" hreflang="ru" lang="ru">Русский</a>' in chosen.text
    assert "SameSite=lax" in chosen.headers["set-cookie"]
    assert '<html lang="en">' in client.get("/", headers=russian).text
    assert client.get("/?lang=de").status_code == 422


def test_a_cookie_with_another_value_is_ignored(client: TestClient) -> None:
    headers = {"Accept-Language": "ru", "Cookie": "kan_language=<b>"}
    assert '<html lang="ru">' in client.get("/", headers=headers).text


def test_the_document_itself_says_what_can_be_done(client: TestClient) -> None:
    page = client.get("/", headers={"Accept-Language": "en"}).text
    assert re.findall(r"<strong>(\w+)</strong>", page) == ["Upload", "Train", "Formula"]


def test_the_page_runs_nothing_but_its_own_files(client: TestClient) -> None:
    answer = client.get("/")
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert not re.findall(r"<script(?![^>]*src=)|\son\w+=|style=", answer.text)


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
def test_an_asset_is_packed_for_those_who_unpack_it(
    client: TestClient, accepted: str, encoding: str | None
) -> None:
    whole = client.get("/assets/vendor/plot.js", headers={"Accept-Encoding": "identity"})
    found = client.get("/assets/vendor/plot.js", headers={"Accept-Encoding": accepted})
    assert found.headers.get("content-encoding") == encoding
    assert found.headers["vary"] == "Accept-Encoding"
    assert found.content == whole.content


def test_a_packed_script_is_without_the_comments_on_lines_of_their_own(client: TestClient) -> None:
    plain = client.get("/assets/js/i18n.js", headers={"Accept-Encoding": "identity"}).text
    packed = client.get("/assets/js/i18n.js", headers={"Accept-Encoding": "gzip"}).text
    assert "/** Formats 1.5e-7" in plain
    assert not re.search(r"/\*\*|^ *//", packed, re.MULTILINE)
    left = zip(packed.split("\n"), plain.split("\n"), strict=True)  # lines keep their numbers
    assert all(line in ("", whole) for line, whole in left)
    assert "export const count = (value) => whole.format(value);" in packed


def test_an_asset_is_not_sent_again_to_who_has_it(client: TestClient) -> None:
    first = client.get("/assets/js/app.js")
    assert first.headers["content-type"].startswith("text/javascript")
    again = client.get("/assets/js/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["", "nothing.js", "../main.py", "%2e%2e/main.py", "vendor", "i18n/../index.html"]
)
def test_no_other_file_can_be_had(path: str, client: TestClient) -> None:
    assert client.get(f"/assets/{path}").status_code == 404


@pytest.mark.parametrize("part", ["", "forms."])
def test_both_languages_have_the_same_words(part: str, client: TestClient) -> None:
    english, russian = (client.get(f"/assets/i18n/{part}{language}.json").json() for language in ("en", "ru"))
    assert english.keys() == russian.keys()
    for key, words in english.items():
        assert isinstance(words, str) == isinstance(russian[key], str)
        assert _gaps(words) == _gaps(russian[key])


def _gaps(words: str | dict[str, str]) -> set[str]:
    texts = [words] if isinstance(words, str) else list(words.values())
    return {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}


def test_the_page_knows_the_prefix_of_a_proxy(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url=LOOPBACK, root_path="/kan") as client:
        assert '<base href="/kan/">' in client.get("/kan/").text
