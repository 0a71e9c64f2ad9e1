"""Options of ``train``, ``study`` and ``solve``, and their conversion to the body of a job."""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from service.cli.field_options import OPTIONS
from service.client import Dataset
from service.schemas.members import Member

COMMA_PATTERN = re.compile(r",(?![^\[]*\])")  # a comma outside brackets
NOTHING = "none"
DENSITY = "density"
SWITCH = "switch"
COLUMNS = "columns"  # their names are known only with the table

Target = Annotated[
    str | None, typer.Option(help="Column to predict; required unless --task density.", show_default=False)
]
Features = Annotated[
    list[str] | None,
    typer.Option(help="Input columns, separated by commas; by default all usable columns."),
]
Drop = Annotated[list[str] | None, typer.Option(help="Columns to exclude, separated by commas.")]
MemberOption = Annotated[
    Member | None, typer.Option(help="Member of the model that answers by default.", show_default=False)
]
Units = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        help="Unit of a column, as length=m or 'speed=km/h'; repeat for several. By default the name of a "
        "column tells it, as in 'length (m)'; an empty unit is none.",
        show_default=False,
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        help="File for the picture of the network or the density. [default: NAME.svg in this folder]",
        show_default=False,
    ),
]
NoPicture = Annotated[bool, typer.Option("--no-picture", help="Do not draw a picture.")]
KeepBest = Annotated[bool, typer.Option("--keep-best", help="On Ctrl-C, keep the best network so far.")]


def split_targets(target: str | None, targets: Sequence[str] | None) -> list[str]:
    """The columns of --targets; empty without the option.

    Raises:
        BadParameter: There is a --target, too, or only one target.
    """
    if targets is None:
        return []
    names = [name for text in targets for name in split_text(text)]
    if target is not None or len(names) < 2:
        words = "name at least two columns, and omit --target"
        raise typer.BadParameter(words, param_hint="--targets")
    return names


def check_goal(target: str | None, task: str | None, features: Sequence[str] | None) -> None:
    """Check that the task has a target, or for a density features and no target.

    Raises:
        BadParameter: The target or the features are missing, or the target is superfluous.
    """
    if task != DENSITY and target is None:
        words = "name the column to predict; only --task density has no target"
        raise typer.BadParameter(words, param_hint="--target")
    if task == DENSITY and target is not None:
        words = "a density has no target; name its one or two columns with --features"
        raise typer.BadParameter(words, param_hint="--target")
    if task == DENSITY and not features:
        words = "name the one or two columns of the density, such as --features height"
        raise typer.BadParameter(words, param_hint="--features")


def parse_pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Convert texts such as ``length=m``, which an option repeats.

    Raises:
        BadParameter: A text has no ``=``.
    """
    return dict(_split_pair(text, "=", option) for text in texts or ())


def take_fields(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every field of a training after ``--drop``, given to it as keywords."""
    signature = inspect.signature(command)
    parameters = [entry for entry in signature.parameters.values() if entry.kind is not entry.VAR_KEYWORD]
    fields = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if option.kind == SWITCH else None,
            annotation=option.annotation,
        )
        for name, option in OPTIONS.items()
    ]
    place = 1 + [parameter.name for parameter in parameters].index("drop")
    parameters[place:place] = fields

    def run(**options: Any) -> None:
        command(**options)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def make_body(**options: Any) -> dict[str, Any]:
    """Make the part of the body that does not depend on the table, from options of fields by their names.

    Options that are None or an empty list are left out.

    Raises:
        BadParameter: An option is not written as its kind is.
    """
    if options.get("own") is not None and options.get("per_group") is None:
        raise typer.BadParameter("name the column of the groups with --per-group", param_hint="--own")
    body = dict[str, Any]()
    for name, value in options.items():
        _, path, kind = OPTIONS[name]
        if value not in (None, []) and kind not in (COLUMNS, SWITCH):
            option = f"--{name.replace('_', '-')}"
            _set(body, path, PARSERS[kind](value, option) if kind in PARSERS else value)
    body |= {OPTIONS[name].path: False for name, value in options.items() if value is True}
    if body.get("task") == "auto":
        del body["task"]
    return body


def _set(body: dict[str, Any], path: str, value: Any) -> None:
    *groups, name = path.split(".")
    for group in groups:
        body = body.setdefault(group, {})
    body[name] = value


def _parse_constant(text: str) -> tuple[str, dict[str, float]]:
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
        raise typer.BadParameter(
            f"{text!r} is not a limit; write b=0..10, b=0.., b=..10 or g=9.81", param_hint="--constant"
        )
    return name.strip(), ends


def _split_pair(text: str, separator: str, option: str) -> tuple[str, str]:
    head, sign, tail = text.rpartition(separator)
    if not sign:
        raise typer.BadParameter(f"{text!r} has no {separator!r}; see --help", param_hint=option)
    return head.strip(), tail.strip()


def _parse_number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number", param_hint=option) from None


def _parse_baseline(text: str) -> JsonValue:
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
        raise typer.BadParameter(
            f"{text!r} is no baseline; write mlp:29x29, mlp:987 or mlp:matched", param_hint="--baselines"
        )
    if len(numbers) == 1:
        return {"kind": "mlp", "parameters": int(size)}
    return {"kind": "mlp", "hidden": [int(part) for part in numbers]}


def select_wanted(dataset: Dataset, must_use: Sequence[str] | None) -> dict[str, list[str]]:
    """Make the member ``must_use`` of the body; empty without the option."""
    names = [column.name for column in dataset.columns]
    return {"must_use": _parse_columns(must_use, names)} if must_use else {}


def select_features(
    dataset: Dataset, targets: Sequence[str], features: Sequence[str] | None, drop: Sequence[str] | None
) -> dict[str, list[str]]:
    """Make the member ``features`` of the body; empty if neither option is given.

    Raises:
        BadParameter: A column to drop does not exist.
    """
    names = [column.name for column in dataset.columns]
    if features:
        columns = _parse_columns(features, names)
    elif drop:
        usable = [column.name for column in dataset.columns if _is_usable(column)]
        columns = [name for name in usable if name not in targets]
    else:
        return {}
    dropped_columns = _parse_columns(drop or [], names)
    for name in dropped_columns:
        if name not in names:
            listing = ", ".join(map(repr, names))
            raise typer.BadParameter(
                f"there is no column {name!r}; the columns are {listing}", param_hint="--drop"
            )
    return {"features": [name for name in columns if name not in dropped_columns]}


def _is_usable(column: Any) -> bool:
    """Whether the service would use the column by default: it is no free text, no id and not constant."""
    varies = column.distinct > (0 if column.missing else 1)
    return bool(varies and column.type != "text" and not getattr(column, "is_id", False))


def _parse_columns(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Split names at commas, except a text that is itself a name."""
    return [name for text in texts for name in ([text] if text in names else split_text(text))]


def _parse_sizes(text: str, option: str) -> list[int]:
    try:
        return [int(size) for size in split_text(text) if size != NOTHING]
    except ValueError:
        raise typer.BadParameter(
            "give numbers separated by commas, such as 10,5", param_hint=option
        ) from None


def _parse_constants(texts: Sequence[str], _: str) -> dict[str, dict[str, float]]:
    return dict(map(_parse_constant, texts))


def _parse_bounds(text: str, option: str) -> dict[str, float]:
    ends = zip(("min", "max"), _split_pair(text, ":", option), strict=True)
    return {name: _parse_number(end, option) for name, end in ends if end}


def _parse_baselines(text: str, _: str) -> list[JsonValue]:
    return [_parse_baseline(name) for name in split_text(text) if name != NOTHING]


def _parse_class_weights(text: str, option: str) -> str | dict[str, float]:
    if "=" not in text:
        return text
    costs = parse_pairs(split_text(text), option)
    return {name: _parse_number(cost, option) for name, cost in costs.items()}


def parse_values(text: str, option: str) -> list[Any]:
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


def split_text(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


PARSERS: Mapping[str, Callable[[Any, str], Any]] = {
    "list": _parse_sizes,
    "words": lambda text, _: split_text(text),
    "values": parse_values,
    "constants": _parse_constants,
    "monotone": parse_pairs,
    "bounds": _parse_bounds,
    "class weights": _parse_class_weights,
    "baselines": _parse_baselines,
}
"""By the kind of a field: its value from what is written, and the option that is named in mistakes."""
