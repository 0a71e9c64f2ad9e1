"""docker-compose.yml as Compose would read it, for running its commands without Docker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<how>[?-])(?P<rest>[^}]*))?\})")


class VariableMissing(Exception):
    """A variable that the file requires is not set."""


def read_compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with the variables of an environment filled in."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services: dict[str, Any] = _fill(document["services"], environment)
    return services


def _fill(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(entry, environment) for key, entry in value.items()}
    if isinstance(value, list):
        return [_fill(entry, environment) for entry in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: _variable(match, environment), value)
    return value


def _variable(match: re.Match[str], environment: Mapping[str, str]) -> str:
    """``$$`` is a dollar, ``${NAME:?message}`` is required, ``${NAME:-default}`` is not."""
    name = match["name"]
    if name is None:
        return "$"
    if environment.get(name):
        return environment[name]
    if match["how"] == "?":
        raise VariableMissing(f"{name}: {match['rest']}")
    return match["rest"] or ""
