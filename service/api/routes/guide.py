"""Routes of the guide. They need no key, because the guide contains no tenant's data."""

from importlib.resources import files
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse

from service.api.routes.guide_pages import PAGES, load_pictures, render_page
from service.api.routes.web import choose_language
from service.errors import NotFound

ASSETS = {"guide.css": ("guide/guide.css", "text/css"), "law.svg": ("examples/law.svg", "image/svg+xml")}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "public, max-age=300",
    "Vary": "Accept-Language",
}

Lang = Annotated[Literal["en", "ru"] | None, Query()]
AcceptLanguage = Annotated[str, Header(alias="accept-language")]

router = APIRouter(include_in_schema=False)


@router.get("/guide")
def guide(request: Request, lang: Lang = None, accepted: AcceptLanguage = "") -> HTMLResponse:
    """The first page."""
    return _page_response(PAGES[0], request, lang, accepted)


@router.get("/guide/{name}")
def show(request: Request, name: str, lang: Lang = None, accepted: AcceptLanguage = "") -> HTMLResponse:
    """A page."""
    if name not in PAGES:
        raise NotFound(
            "path_not_found", f"the guide has no page {name[:100]!r}; its pages are {', '.join(PAGES)}"
        )
    return _page_response(name, request, lang, accepted)


@router.get("/guide/assets/{name}")
def asset(name: str) -> Response:
    """The style sheet or a picture."""
    if name not in ASSETS:
        raise NotFound("path_not_found", f"the guide has no file {name[:100]!r}; see /guide")
    path, media_type = ASSETS[name]
    return _file_response(files("service").joinpath(path).read_bytes(), media_type)


@router.get("/guide/{language}/pictures/{name}")
def picture(language: Literal["en", "ru"], name: str) -> Response:
    """A picture of the gallery."""
    if (content := load_pictures(language).get(name)) is None:
        raise NotFound("path_not_found", f"the gallery has no picture {name[:100]!r}; see /guide/gallery")
    return _file_response(content, "image/svg+xml")


def _file_response(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "public, max-age=86400"})


def _page_response(name: str, request: Request, lang: str | None, accept_language: str) -> HTMLResponse:
    language = lang or choose_language(accept_language)
    root = str(request.scope.get("root_path", "")).rstrip("/")
    content = render_page(name, language, root=root, is_asked_for=lang is not None)
    return HTMLResponse(content, headers=HEADERS | {"Content-Language": language})
