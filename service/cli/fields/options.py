"""Options for the fields of requests. They follow from the schemas: ``make generate`` writes them as JSON."""

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal

import typer

from service.cli.fields.kinds import KINDS

BODY = "body"


@dataclass(frozen=True)
class FieldOption:
    """An option of commands for a field of a request.

    Attributes:
        path: Of the field.
        kind: How it is typed; one of ``KINDS``.
        help: What it is.
        choices: Of the kind ``choice``.
        min, max: Ends of the range of a number.
        value: What a switch sends.
    """

    path: str
    kind: str
    help: str
    choices: Sequence[str] = ()
    min: int | None = None
    max: int | None = None
    value: bool | None = None


def _read_options() -> dict[str, dict[str, FieldOption]]:
    source = files("service").joinpath("cli", "fields", "options.json").read_text(encoding="utf-8")
    return {
        request: {name: FieldOption(**option) for name, option in options.items()}
        for request, options in json.loads(source).items()
    }


OPTIONS = _read_options()
"""By request and name."""


def take_body(
    *requests: str, only: Collection[str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options for the fields of requests in place of its parameter ``body``.

    The command gets the part of the request that the options give.

    Args:
        requests: Their names in ``OPTIONS``.
        only: Names of the options; by default all.
    """
    options = {
        name: option
        for request in requests
        for name, option in OPTIONS[request].items()
        if only is None or name in only
    }
    return lambda command: _replace_body(command, options)


def _replace_body(command: Callable[..., None], options: Mapping[str, FieldOption]) -> Callable[..., None]:
    signature = inspect.signature(command)
    parameters = list(signature.parameters.values())
    place = list(signature.parameters).index(BODY)
    parameters[place : place + 1] = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if option.value is None else False,
            annotation=_annotate(name, option),
        )
        for name, option in options.items()
    ]

    def run(**values: Any) -> None:
        fields = {name: values.pop(name) for name in options}
        command(**values, body=make_body(options, fields))

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def make_body(options: Mapping[str, FieldOption], values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a request that options give; what was not typed is left out.

    Raises:
        BadParameter: A value is not written as its kind is.
    """
    body = dict[str, Any]()
    for name, option in options.items():
        if option.value is None and values[name] not in (None, []):
            read = KINDS[option.kind].read
            _set(body, option.path, read(values[name], _write_option(name)))
    # Switches come last: they take the place of what they switch off
    return body | {option.path: option.value for name, option in options.items() if values[name] is True}


def _annotate(name: str, option: FieldOption) -> Any:
    """The type of an option, and its help."""
    if option.value is not None:
        return Annotated[bool, typer.Option(_write_option(name), help=option.help)]
    of_values: Any = Literal[tuple(option.choices)] if option.choices else KINDS[option.kind].type
    details = typer.Option(min=option.min, max=option.max, help=option.help, show_default=False)
    return Annotated[of_values | None, details]


def _write_option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _set(body: dict[str, Any], path: str, value: Any) -> None:
    *groups, name = path.split(".")
    for group in groups:
        body = body.setdefault(group, {})
    body[name] = value
