"""Kinds of the fields of requests: how the value of an option is typed, and what is sent."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from pydantic import JsonValue

COMMA_PATTERN = re.compile(r",(?![^\[]*\])")  # a comma outside brackets
EDGE_PATTERN = re.compile(r"(\d+)(?:-(\d+))?,(\d+),(\d+)=(\S+)")
INDEX_PATTERN = re.compile(r"(?:(.+)=)?(\d+)")
NOTHING = "none"
SEPARATED = "Separated by commas."

Cell = bool | int | float | str


def keep(value: Any, _: str) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True)
class FieldKind:
    """A kind of fields.

    Attributes:
        type: Of what one types; a list where the option is repeated.
        words: How it is written.
        read: Converts it to what is sent; takes the option, to name it in mistakes.
    """

    type: Any
    words: str = ""
    read: Callable[[Any, str], Any] = keep


def split_text(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Convert texts such as ``length=m``, which an option repeats.

    Raises:
        BadParameter: A text has no ``=``.
    """
    return dict(_split_pair(text, "=", option) for text in texts or ())


def _split_pair(text: str, separator: str, option: str) -> tuple[str, str]:
    head, sign, tail = text.rpartition(separator)
    if not sign:
        raise typer.BadParameter(f"{text!r} has no {separator!r}; see --help", param_hint=option)
    return head.strip(), tail.strip()


def _parse_words(texts: Sequence[str], _: str) -> list[str]:
    return [word for text in texts for word in split_text(text)]


def _parse_sizes(text: str, option: str) -> list[int]:
    try:
        return [int(size) for size in split_text(text) if size != NOTHING]
    except ValueError:
        raise typer.BadParameter(
            "give numbers separated by commas, such as 10,5", param_hint=option
        ) from None


def _parse_number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number", param_hint=option) from None


def _parse_values(text: str, option: str) -> list[Any]:
    """Parse JSON values separated by commas; strings need no quotes.

    Raises:
        BadParameter: A list, an object or a string in quotes is not closed.
    """
    try:
        return list(json.loads(f"[{text}]"))
    except ValueError:
        return [_parse_value(part.strip(), option) for part in COMMA_PATTERN.split(text)]


def _parse_value(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if text.startswith(("[", "{", '"')):
            words = f'{text} is not valid JSON; write lists as in \'features=["x1"],["x1","x2"]\''
            raise typer.BadParameter(words, param_hint=option) from None
        return text


def _parse_variations(texts: Sequence[str], option: str) -> dict[str, list[Any]]:
    """Convert ``network.grid=3,10`` to the values of a setting by its path.

    Raises:
        BadParameter: A setting has no values, or is given twice.
    """
    variations: dict[str, list[Any]] = {}
    for text in texts:
        path, _, values = (part.strip() for part in text.partition("="))
        if not path or not values:
            words = f"{text!r} has no values; write for example network.grid=3,10"
            raise typer.BadParameter(words, param_hint=option)
        if path in variations:
            words = f"{path} is given twice; give all its values at once, as in {path}=3,10"
            raise typer.BadParameter(words, param_hint=option)
        variations[path] = _parse_values(values, option)
    return variations


def _parse_constants(texts: Sequence[str], option: str) -> dict[str, dict[str, float]]:
    return dict(_parse_constant(text, option) for text in texts)


def _parse_constant(text: str, option: str) -> tuple[str, dict[str, float]]:
    """Convert ``b=0..10`` or ``g=9.81`` to a member of ``constants``.

    Raises:
        BadParameter: The text is neither.
    """
    name, equals, value = text.partition("=")
    low, dots, high = value.partition("..")
    try:
        if not dots and equals:
            return name.strip(), {"value": float(value)}
        ends = {key: float(end) for key, end in (("min", low), ("max", high)) if end.strip()}
    except ValueError:
        ends = {}
    if not ends or not equals:
        words = f"{text!r} is not a limit; write b=0..10, b=0.., b=..10 or g=9.81"
        raise typer.BadParameter(words, param_hint=option)
    return name.strip(), ends


def _parse_bounds(text: str, option: str) -> dict[str, float]:
    ends = zip(("min", "max"), _split_pair(text, ":", option), strict=True)
    return {name: _parse_number(end, option) for name, end in ends if end}


def _parse_class_weights(text: str, option: str) -> str | dict[str, float]:
    if "=" not in text:
        return text
    costs = parse_pairs(split_text(text), option)
    return {name: _parse_number(cost, option) for name, cost in costs.items()}


def _parse_baselines(text: str, option: str) -> list[JsonValue]:
    return [_parse_baseline(name, option) for name in split_text(text) if name != NOTHING]


def _parse_baseline(text: str, option: str) -> JsonValue:
    """Convert ``mlp:29x29``, ``mlp:987`` or ``mlp:matched`` to a member of the body; other texts are names.

    Raises:
        BadParameter: The part after the colon is invalid.
    """
    kind, colon, size = text.partition(":")
    if not colon:
        return text
    if kind == "mlp" and size == "matched":
        return {"kind": "mlp", "parameters": size}
    numbers = size.split("x")
    if kind != "mlp" or not all(part.isdecimal() for part in numbers):
        words = f"{text!r} is no baseline; write mlp:29x29, mlp:987 or mlp:matched"
        raise typer.BadParameter(words, param_hint=option)
    if len(numbers) == 1:
        return {"kind": "mlp", "parameters": int(size)}
    return {"kind": "mlp", "hidden": [int(part) for part in numbers]}


def _parse_edges(texts: Sequence[str], option: str) -> list[dict[str, int | str]]:
    return [_parse_edge(text, option) for text in texts]


def _parse_edge(text: str, option: str) -> dict[str, int | str]:
    """Convert ``0,1,2=sin`` to a member of ``fix``.

    Raises:
        BadParameter: The text names no edge and function.
    """
    match = EDGE_PATTERN.fullmatch(text.replace(" ", ""))
    if match is None:
        words = f"{text!r} is not LAYER,IN,OUT=FUNCTION, such as 0,1,2=sin"
        raise typer.BadParameter(words, param_hint=option)
    layer, to_layer, in_, out, function = match.groups()
    edge = {"layer": int(layer), "in": int(in_), "out": int(out), "function": function}
    return edge if to_layer is None else edge | {"to_layer": int(to_layer)}


def _parse_indices(texts: Sequence[str], option: str) -> int | dict[str, int]:
    """Convert ``3``, or ``y=3`` for each of several outputs.

    Raises:
        BadParameter: A text is no number, or there are several without outputs.
    """
    matches = [INDEX_PATTERN.fullmatch(text.strip()) for text in texts]
    if len(matches) == 1 and matches[0] and matches[0][1] is None:
        return int(matches[0][2])
    if not all(match and match[1] for match in matches):
        raise typer.BadParameter("give one number, or OUTPUT=NUMBER for each output", param_hint=option)
    return {match[1].strip(): int(match[2]) for match in matches if match}


def _parse_ranges(texts: Sequence[str], option: str) -> dict[str, list[Cell]]:
    columns = _split_columns(texts, option)
    return {name: [_parse_cell(part.strip()) for part in text.split(":")] for name, text in columns}


def _parse_cells(texts: Sequence[str], option: str) -> dict[str, Cell]:
    return {name: _parse_cell(text) for name, text in _split_columns(texts, option)}


def _split_columns(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Convert ``T=280:400`` to a pair of column and text.

    Raises:
        BadParameter: The text has no column.
    """
    pairs = [text.partition("=") for text in texts]
    for name, sign, value in pairs:
        if not (name and sign and value):
            words = f"{name + sign + value!r} is not COLUMN=VALUE, such as T=280"
            raise typer.BadParameter(words, param_hint=option)
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _parse_cell(text: str) -> Cell:
    """A number, true or false, or else a text."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if any(sign in text for sign in ".eE") else int(text)
    except ValueError:
        return text


KINDS: Mapping[str, FieldKind] = {
    "switch": FieldKind(bool),
    "whole number": FieldKind(int),
    "number": FieldKind(float),
    "choice": FieldKind(str),
    "text": FieldKind(str),
    "column": FieldKind(str),
    "columns": FieldKind(list[str], SEPARATED),  # split where the names of the table are known
    "words": FieldKind(list[str], SEPARATED, _parse_words),
    "list": FieldKind(str, SEPARATED, _parse_sizes),
    "values": FieldKind(str, SEPARATED, _parse_values),
    "variations": FieldKind(
        list[str],
        "As network.grid=3,10 or 'network.hidden=[5],[10,5]'; repeat for each setting.",
        _parse_variations,
    ),
    "constants": FieldKind(
        list[str],
        "Bounds b=0..10, b=0.. or b=..10, or a value g=9.81; repeat for several.",
        _parse_constants,
    ),
    "monotone": FieldKind(list[str], "As dose=increasing; repeat for several.", parse_pairs),
    "bounds": FieldKind(str, "As 0:100, 0: or :100.", _parse_bounds),
    "class weights": FieldKind(str, "'balanced', or costs as late=5,early=1.", _parse_class_weights),
    "baselines": FieldKind(
        str,
        "linear, mlp and boosting, separated by commas, or 'none'. mlp:29x29 is an MLP of that shape, "
        "mlp:987 one with about 987 parameters, mlp:matched one as large as the network.",
        _parse_baselines,
    ),
    "edges": FieldKind(
        list[str],
        "As LAYER,IN,OUT=sin; repeat for several. 'models edges' lists the edges; 0-2,IN,OUT is one from an "
        "input directly to layer 2.",
        _parse_edges,
    ),
    "indices": FieldKind(
        list[str], "'formula --all' lists them; OUTPUT=NUMBER with several outputs.", _parse_indices
    ),
    "ranges": FieldKind(
        list[str], "As T=280:400, or as material=steel:iron; repeat for several.", _parse_ranges
    ),
    "cells": FieldKind(list[str], "As material=steel; repeat for several.", _parse_cells),
}
"""By their names, as ``RequestField`` has them."""
