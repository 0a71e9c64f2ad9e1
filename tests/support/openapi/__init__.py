"""The OpenAPI document, which is the same for every application and takes most of a second to make."""

import json
from functools import cache
from typing import Any

from service.main import create_app
from service.settings import Settings


def openapi_document() -> dict[str, Any]:
    """A copy of the caller's own."""
    document: dict[str, Any] = json.loads(_document())
    return document


@cache
def _document() -> str:
    return json.dumps(create_app(Settings()).openapi())
