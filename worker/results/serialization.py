"""Converts the records of a job to JSON: the only place of the worker where a record becomes a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from kan_engine.expressions import evaluation
from kan_engine.expressions.nodes import Expression

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Metadata of fields
OMIT_NONE = {"omit_none": True}  # left out while it is None
INLINED = {"inlined": True}  # its entries are written in its place


def to_json(record: DataclassInstance) -> dict[str, Any]:
    """Convert a dataclass to a JSON object.

    Every field is an entry, null if it is None, except where its metadata is ``OMIT_NONE`` or ``INLINED``. Of
    two entries with the same name the later one counts. The underscore at the end of ``class_`` is dropped.
    An expression becomes its tree.
    """
    data: dict[str, Any] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if "inlined" in entry.metadata:
            data |= _convert(value)
        elif value is not None or "omit_none" not in entry.metadata:
            data[entry.name.removesuffix("_")] = _convert(value)
    return data


def _convert(value: Any) -> Any:
    if isinstance(value, str | int | float | NoneType):
        return value
    if isinstance(value, Expression):
        return evaluation.to_json(value)
    if isinstance(value, list | tuple):
        return [_convert(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: _convert(entry) for name, entry in value.items()}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
