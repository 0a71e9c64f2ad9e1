"""The API documentation, without URLs outside this service.

The package fastapi-swagger contains the files of Swagger UI. Its own routes use absolute URLs, which are
wrong behind a proxy, so this module serves the page and the files.
"""

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from service.errors import NotFound

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """Swagger UI for the OpenAPI document of this service."""
    root = _root_path(request)
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="KAN service: the API",
        swagger_js_url=f"{root}/docs/assets/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/assets/swagger-ui.css",
        swagger_favicon_url=f"{root}/docs/assets/favicon-32x32.png",
        swagger_ui_parameters={"validatorUrl": None, "tryItOutEnabled": True},
    )
    page.headers.update(PAGE_HEADERS)
    return page


@router.get("/docs/assets/{name}")
def asset(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in ASSETS:
        raise NotFound("path_not_found", f"there is no asset {name!r}")
    content = files("fastapi_swagger").joinpath("resources", name).read_bytes()
    return Response(content, media_type=ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})


def _root_path(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")
