"""The fields of a training as forms, commands and the guide show them.

The schema of the request is their only description. Their words in other languages are in ``fields.toml`` of
the guide.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import TypeAliasType

from service.schemas.common import Setting
from service.schemas.training import TrainRequest

AUTOMATIC = "auto"
LABELS = {
    "en": ("field", "default", "what it is"),
    "ru": ("поле", "по умолчанию", "что это"),
}


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
        kind: ``switch``, ``number``, ``whole number``, ``choice``, ``text``, ``words`` (separated by commas),
            ``list`` (of whole numbers), or what its setting says.
        choices: Of the kind ``choice``, the default first.
        default: None where the service chooses, and of fields that are left out.
        low, high: Ends of its range, if they belong to it; None for none.
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


def list_fields(
    schema: type[BaseModel] = TrainRequest, prefix: tuple[str, ...] = ()
) -> Iterator[RequestField]:
    """The fields that are shown, those within a field after it."""
    for name, field in schema.model_fields.items():
        path, types = (*prefix, name), list(_list_types(field.annotation))
        for setting in field.metadata:
            if isinstance(setting, Setting):
                yield _read_field(path, field, types, setting)
        for inner in types:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from list_fields(inner, path)


def read_words(language: str, fields: list[RequestField]) -> dict[str, FieldWords]:
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
    """All fields with their defaults as a Markdown table."""
    fields = list(list_fields())
    words = read_words(language, fields)
    lines = [f"| {' | '.join(LABELS[language])} |", "| --- | --- | --- |"]
    for field in fields:
        default = "—" if field.default is None else f"`{_print_default(field.default)}`"
        lines.append(f"| `{field.key}` | {default} | {words[field.key].help} |")
    return "\n".join(lines)


def _read_field(path: tuple[str, ...], field: FieldInfo, types: list[Any], setting: Setting) -> RequestField:
    kind, choices = setting.kind or "", tuple[str, ...]()
    default = None if field.default is PydanticUndefined else field.default
    for inner in types:
        if get_origin(inner) is Literal and get_args(inner) != (AUTOMATIC,):
            kind, choices = kind or "choice", tuple(map(str, get_args(inner)))
    limits = [note for inner in types for note in _list_notes(inner, field)]
    return RequestField(
        path=path,
        words=FieldWords(setting.title, (field.description or "").partition("\n\n")[0]),
        kind=kind or _name_kind(types),
        choices=tuple(sorted(choices, key=lambda choice: choice != default)),
        default=_make_plain(default),
        low=next((_read_limit(note.ge) for note in limits if isinstance(note, annotated_types.Ge)), None),
        high=next((_read_limit(note.le) for note in limits if isinstance(note, annotated_types.Le)), None),
        setting=setting,
    )


def _list_types(annotation: Any) -> Iterator[Any]:
    """The types of a union; one with limits stays together with them."""
    if isinstance(annotation, TypeAliasType):
        yield from _list_types(annotation.__value__)
    elif get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _list_types(inner)
    elif get_origin(annotation) is Annotated and get_origin(get_args(annotation)[0]) in (Union, UnionType):
        yield from _list_types(get_args(annotation)[0])
    elif annotation is not NoneType:
        yield annotation


def _read_limit(value: Any) -> float:
    return float(value)


def _list_notes(annotation: Any, field: FieldInfo) -> Iterator[Any]:
    """What is said of the values of a type, such as their limits."""
    notes = [*field.metadata, *(get_args(annotation)[1:] if get_origin(annotation) is Annotated else ())]
    for note in notes:
        yield from note.metadata if isinstance(note, FieldInfo) else (note,)


def _name_kind(types: list[Any]) -> str:
    names = {bool: "switch", int: "whole number", float: "number", str: "text"}
    for annotation in types:
        bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
        if get_origin(bare) is list:
            (entry,) = get_args(bare)
            return "words" if str in _list_bare(entry) else "list"
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            return "switch"
        if bare in names:
            return names[bare]
    raise TypeError(f"a setting of the types {types} needs a kind")


def _list_bare(annotation: Any) -> list[Any]:
    return [
        get_args(inner)[0] if get_origin(inner) is Annotated else inner for inner in _list_types(annotation)
    ]


def _make_plain(default: Any) -> Any:
    """The default as JSON; None for an empty one."""
    if isinstance(default, BaseModel):
        return True
    return None if default in ({}, []) else default


def _print_default(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ", ".join(map(str, default)) if isinstance(default, list) else f"{default}"
