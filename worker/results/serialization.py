"""Converts what a job has made to JSON: the only place of the worker where a record becomes a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from service.schemas.common import ExtensibleModel

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Metadata of fields
OMIT_NONE = {"omit_none": True}  # left out while it is None
INLINED = {"inlined": True}  # its entries are written in its place


def to_json(value: Any) -> Any:
    """Convert a document, which is a schema or a dataclass, with all that it contains.

    Every field of a dataclass is an entry, null if it is None, except where its metadata is ``OMIT_NONE`` or
    ``INLINED``. Of two entries with the same name the later one counts. The underscore at the end of
    ``class_`` is dropped.
    """
    if isinstance(value, str | int | float | NoneType):
        return value
    if isinstance(value, list | tuple):
        return [to_json(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: to_json(entry) for name, entry in value.items()}
    if isinstance(value, ExtensibleModel):
        return value.to_json()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return _convert_fields(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _convert_fields(record: DataclassInstance) -> dict[str, object]:
    data: dict[str, object] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if "inlined" in entry.metadata:
            data |= to_json(value)
        elif value is not None or "omit_none" not in entry.metadata:
            data[entry.name.removesuffix("_")] = to_json(value)
    return data
