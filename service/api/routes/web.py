"""The web page: static files of the package, an HTML document in the reader's language, and its session."""

import gzip
import json
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Annotated
from xml.sax.saxutils import escape

from fastapi import APIRouter, Cookie, Header, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from service.api.http.conditional import IfNoneMatch
from service.api.http.dependencies import Config, StrictRoute
from service.errors import NotFound, Unauthorized
from service.local_session import take_ticket
from service.operations.entity_tags import is_listed_tag
from service.schemas.figures import LanguageName

WEB_FOLDER = files("service") / "web"
LANGUAGES = {"en": "English", "ru": "Русский"}
LANGUAGE_COOKIE = "kan_language"
YEAR_S = 365 * 24 * 3600
MEDIA_TYPES = {
    "css": "text/css",
    "csv": "text/csv",
    "js": "text/javascript",
    "json": "application/json",
    "safetensors": "application/octet-stream",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
UNPACKED = ("font/woff2",)  # compressed already
COMMENTS = re.compile(rb"^ *(?:/\*\*.*?\*/|//[^\n]*)$", re.MULTILINE | re.DOTALL)  # on lines of their own
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "connect-src 'self'; img-src 'self' blob: data:; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Vary": "Accept-Language, Cookie",
}

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


class TicketIn(BaseModel):
    """The ticket in the link to the page."""

    ticket: str = Field(max_length=100)


class SessionOut(BaseModel):
    """The key of the session of this machine."""

    key: str


@router.get("/")
def page(
    request: Request,
    lang: Annotated[LanguageName | None, Query()] = None,
    kept: Annotated[str, Cookie(alias=LANGUAGE_COOKIE)] = "",
    accept_language: Annotated[str, Header()] = "",
) -> HTMLResponse:
    """The HTML document; scripts create its content through the API. A cookie keeps a chosen language."""
    root = str(request.scope.get("root_path", "")).rstrip("/")
    language = lang or (kept if kept in LANGUAGES else choose_language(accept_language))
    answer = HTMLResponse(
        render_document(language, root), headers=PAGE_HEADERS | {"Content-Language": language}
    )
    if lang is not None:
        answer.set_cookie(LANGUAGE_COOKIE, lang, max_age=YEAR_S, path=f"{root}/", samesite="lax")
    return answer


@router.post("/session")
def open_session(body: TicketIn, request: Request, settings: Config) -> SessionOut:
    """Exchange a ticket, which is not valid any more then, for the session of this machine."""
    key = request.app.state.session_key
    if key is None or not take_ticket(settings.data_dir, body.ticket):
        detail = "this link was used or is too old; `kan-service open` makes a new one"
        raise Unauthorized("invalid_key", detail)
    return SessionOut(key=key)


@router.get("/assets/{path:path}")
def asset(
    path: str, if_none_match: IfNoneMatch = None, accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """A script, a style sheet, a translation, a picture, a font or a file of the example."""
    kind = MEDIA_TYPES.get(path.rpartition(".")[2])
    if kind is None or path not in _asset_paths():
        raise NotFound("path_not_found", f"there is no asset {path!r}")
    is_packed = "gzip" in accept_encoding and kind not in UNPACKED
    content = _pack_asset(path) if is_packed else _read_asset(path)
    headers = {
        "ETag": f'"{sha256(content).hexdigest()}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
    }
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    if if_none_match is not None and is_listed_tag(headers["ETag"], if_none_match.replace("W/", "")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def choose_language(accept_language: str) -> str:
    """The most preferred supported language (RFC 9110, 12.5.4); English if none is supported."""
    preferences = [_parse_preference(part) for part in accept_language.split(",")]
    matches = [(weight, language) for weight, language in preferences if language in LANGUAGES and weight > 0]
    return max(matches, key=lambda match: match[0])[1] if matches else "en"


def _parse_preference(part: str) -> tuple[float, str]:
    tag, _, parameters = part.partition(";")
    try:
        weight = float(parameters.partition("q=")[2] or 1)
    except ValueError:
        weight = 0.0
    return weight, tag.strip().lower().partition("-")[0]


def render_document(language: str, root: str) -> str:
    """Render the HTML document.

    Args:
        language: One of ``LANGUAGES``.
        root: Path prefix of the service behind a proxy.
    """
    words = json.loads(_read_asset(f"i18n/{language}.json"))
    other_language = next(name for name in LANGUAGES if name != language)
    names = {"language": language, "other_language": other_language, "other_name": LANGUAGES[other_language]}
    texts = {key: escape(text, {'"': "&quot;"}) for key, text in words.items() if isinstance(text, str)}
    page = Template(_read_asset("index.html").decode())
    return page.substitute(texts, **names, root=escape(root, {'"': "&quot;"}))


@cache
def _pack_asset(path: str) -> bytes:
    content = _read_asset(path)
    if path.startswith("js/"):
        content = COMMENTS.sub(
            lambda comment: b"\n" * comment[0].count(b"\n"), content
        )  # lines keep their numbers
    return gzip.compress(content, mtime=0)


@cache
def _asset_paths() -> frozenset[str]:
    """All files of the page; no other path is ever opened."""
    return frozenset(_list_files(""))


def _list_files(folder: str) -> list[str]:
    paths = []
    for entry in (WEB_FOLDER / folder if folder else WEB_FOLDER).iterdir():
        path = f"{folder}/{entry.name}" if folder else entry.name
        paths += _list_files(path) if entry.is_dir() else [path]
    return paths


def _read_asset(path: str) -> bytes:
    return WEB_FOLDER.joinpath(*path.split("/")).read_bytes()
