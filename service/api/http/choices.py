"""Query parameters that name an entry of a registry: the document lists the entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


def choose_from(registry: Mapping[str, Any], *further: str) -> tuple[AfterValidator, WithJsonSchema]:
    """Annotations of a text that is a key of ``registry`` or one of ``further``: ``Annotated[str, *…]``."""

    def check(name: str) -> str:
        if name not in registry and name not in further:
            *head, tail = (repr(key) for key in (*further, *registry))
            choices = f"{', '.join(head)} or {tail}" if head else tail
            raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": choices})
        return name

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": [*further, *registry]})
