"""The fields of requests as forms, commands and the guide show them.

The schema of a request is their only description. Their words in other languages are in ``fields.toml`` of
the guide.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, get_args

from pydantic import BaseModel

from service.schemas.common import Setting
from service.schemas.evaluations import EvaluateRequest
from service.schemas.job_kinds import JOB_KINDS
from service.schemas.prediction import NextRowsRequest
from service.schemas.training import TrainRequest

REQUESTS: Mapping[str, type[BaseModel]] = {
    **{kind.name: kind.request for kind in JOB_KINDS.values()},
    "evaluate": EvaluateRequest,
    "next_rows": NextRowsRequest,
}
"""Requests whose fields are options of commands."""
AUTOMATIC = "auto"
LABELS = {
    "en": ("field", "default", "what it is"),
    "ru": ("поле", "по умолчанию", "что это"),
}
KINDS = {"boolean": "switch", "integer": "whole number", "number": "number", "string": "text"}  # by JSON type


@dataclass(frozen=True)
class FieldWords:
    """Label of a field, and one or two sentences that explain it."""

    title: str
    help: str


@dataclass(frozen=True)
class RequestField:
    """A field of a request.

    Attributes:
        path: From the body, such as ``("network", "hidden")``.
        words: In English.
        kind: ``switch``, ``whole number``, ``number``, ``choice``, ``text``, ``words``, ``list`` (of whole
            numbers), or what its setting says; ``service.cli.fields.kinds`` tells how each is typed.
        choices: Of the kind ``choice``, the default first.
        default: As JSON; None where there is none.
        low, high: Ends of its range, of a list of its length, if they belong to it; None for none.
        setting: How it is shown.
    """

    path: tuple[str, ...]
    words: FieldWords
    kind: str
    choices: tuple[str, ...]
    default: Any
    low: float | None
    high: float | None
    setting: Setting

    @property
    def key(self) -> str:
        """Its path as documents write it."""
        return ".".join(self.path)

    @property
    def name(self) -> str:
        """Its name where there are no paths, as in commands."""
        return self.setting.name or self.path[-1]


def list_fields(schema: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[RequestField]:
    """The fields that are shown, those within a field after it."""
    document = schema.model_json_schema()
    for name, field in schema.model_fields.items():
        for setting in field.metadata:
            if isinstance(setting, Setting):
                yield _read_field((*prefix, name), document, setting)
        for model in _list_models(field.annotation):
            for inner in list_fields(model, (*prefix, name)):
                yield replace(inner, default=None) if field.default is None else inner


def read_words(language: str, fields: Sequence[RequestField]) -> dict[str, FieldWords]:
    """Words of the fields in a language of the guide, by key.

    Raises:
        KeyError: A field has none.
    """
    if language == "en":
        return {field.key: field.words for field in fields}
    source = files("service").joinpath("guide", language, "fields.toml").read_text(encoding="utf-8")
    words = tomllib.loads(source)
    return {field.key: FieldWords(**words[field.key]) for field in fields}


def render_fields(language: str = "en") -> str:
    """The fields of a training with their defaults as a Markdown table."""
    fields = list(list_fields(TrainRequest))
    words = read_words(language, fields)
    lines = [f"| {' | '.join(LABELS[language])} |", "| --- | --- | --- |"]
    for field in fields:
        default = "—" if field.default is None else f"`{print_default(field.default)}`"
        lines.append(f"| `{field.key}` | {default} | {words[field.key].help} |")
    return "\n".join(lines)


def print_default(default: Any) -> str:
    """A default as documents and commands write it."""
    if isinstance(default, bool):
        return str(default).lower()
    return ", ".join(default) if isinstance(default, list) else str(default)


def _list_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The schemas of objects among the types of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _list_models(part)


def _read_field(path: tuple[str, ...], document: Mapping[str, Any], setting: Setting) -> RequestField:
    entry = document["properties"][path[-1]]
    # A field is automatic or absent beside its other values
    parts = [_resolve(part, document) for part in entry.get("anyOf", [entry])]
    value = next(part for part in parts if part.get("const") != AUTOMATIC and part.get("type") != "null")
    kind, default = setting.kind or _name_kind(value), entry.get("default")
    choices = value["enum"] if kind == "choice" else ()
    return RequestField(
        path=path,
        words=FieldWords(setting.title, entry.get("description", "").partition("\n\n")[0]),
        kind=kind,
        choices=tuple(sorted(choices, key=lambda choice: choice != default)),
        default=bool(default) if kind == "switch" else None if default in ({}, []) else default,
        low=value.get("minimum", value.get("minItems")),
        high=value.get("maximum"),
        setting=setting,
    )


def _resolve(part: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    resolved: Mapping[str, Any] = document["$defs"][part["$ref"].split("/")[-1]] if "$ref" in part else part
    return resolved


def _name_kind(value: Mapping[str, Any]) -> str:
    if "enum" in value:
        return "choice"
    if value["type"] == "array":
        return "words" if value["items"].get("type") == "string" else "list"
    return KINDS[value["type"]]
