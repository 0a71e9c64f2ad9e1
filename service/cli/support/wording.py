"""Messages of the service in the words of the command line: commands for requests, options for fields.

The service speaks to programs: `GET /datasets lists them`, `omit "weight"`. Whoever types commands knows
`kan-service datasets list` and `--weight`.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import typer

from service.cli.fields.options import OPTIONS

COMMANDS = (  # request, command
    (r"GET /models\?name=", "'kan-service models list --name NAME'"),
    (r"(?:GET )?/models/([^\s/]+)/symbolic", r"'kan-service formula \1 --all'"),
    (r"\bat /models/([^\s/?,;]+)/edges(?:\?[^\s,;]*)?", r"listed by 'kan-service models edges \1'"),
    (r"\bit is at /models/([^\s/?,;]+)", r"'kan-service models show \1' shows it"),
    (r'a job with "symbolic": true', "'kan-service train' without --no-formula"),
    (r"GET /(datasets|jobs|models)\b(?!/)", r"'kan-service \1 list'"),
    (r"GET /(datasets|jobs|models)/([^\s/;,]+)(?!/)", r"'kan-service \1 show \2'"),
    (r"DELETE /(datasets|models)/([^\s/;,]+)", r"'kan-service \1 delete \2'"),
    (r"POST /jobs/([^\s/;,]+)/(cancel|retry)", r"'kan-service jobs \2 \1'"),
    (r"POST /models/import", "'kan-service models import FILE'"),
)
PARAMETERS = [  # path of a field, name of its option; of several that a command has, the first counts
    *((option.path, name) for options in OPTIONS.values() for name, option in options.items()),
    ("compact", "max_edges"),
    ("types", "kind"),
    ("units.*", "unit"),  # of a column; "units" alone is the mode
    ("tags", "tag"),
]
ROOT = "#: "  # the place of a mistake in the body as a whole
POINTER = re.compile(r"#/([\w./]+)")
QUOTED = re.compile(r'"([a-z_]+)"(?:: ("?)([\w.]+)\2)?')
IDENTIFIER = re.compile(r"(?<![\w./'\"-])[a-z]+(?:[_.][a-z]+)+(?![\w'/=(])")
# Words that are names of fields only in such places
PLAIN = re.compile(r"\b(omit|add|in|lower) ([a-z]+)(?: or ([a-z]+))?(?=[,;.]|$| or )")

_options: ContextVar[Mapping[str, str] | None] = ContextVar("options", default=None)


def remember_options(context: typer.Context) -> None:
    """Let ``translate`` know the options of the command that runs."""
    options = {str(parameter.name): max(parameter.opts, key=len) for parameter in context.command.params}
    _options.set({name: option for name, option in options.items() if option.startswith("--")})


def find_option(pointer: str) -> str | None:
    """The option for a field, which a JSON pointer names; None if the command has none."""
    parts = [part for part in pointer.removeprefix("#/").split("/") if part]
    paths = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    paths[-1:-1] = [f"{parts[0]}.*"] if len(parts) > 1 else []
    return next((option for path in paths if (option := _option_of(path))), None)


def translate(message: str) -> str:
    """The message with commands for requests, and with options for the fields that the command has."""
    message = name_commands(message)
    message = POINTER.sub(lambda match: find_option(match[0]) or match[0], message)
    message = QUOTED.sub(_replace_quoted, message)
    if "--vary" not in message:  # whose settings are the paths of fields
        message = IDENTIFIER.sub(lambda match: _option_of(match[0]) or match[0], message)
    return PLAIN.sub(_replace_plain, message).replace(ROOT, "")


def name_commands(message: str) -> str:
    """The message with commands for requests."""
    for request, command in COMMANDS:
        message = re.sub(request, command, message)
    return message


def _option_of(path: str) -> str | None:
    options = _options.get() or {}
    names = [name for field, name in PARAMETERS if field == path and name in options]
    return options.get(next(iter(names), path))


def _replace_plain(match: re.Match[str]) -> str:
    names = " or ".join(_option_of(name) or name for name in match.groups()[1:] if name)
    return f"{match[1]} {names}"


def _replace_quoted(match: re.Match[str]) -> Any:
    option, value = _option_of(match[1]), match[3]
    if option is None:
        return match[0]
    return option if value in (None, "true", "false") else f"{option} {value}"
