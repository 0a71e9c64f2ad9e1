"""docker-compose.yml as Compose would read it, for running its commands without Docker."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+):-(?P<rest>[^}]*)\})")


def read_compose() -> dict[str, Any]:
    """The services of the compose file, with the defaults of its variables."""
    services: dict[str, Any] = _fill(compose_document()["services"])
    return services


def compose_document() -> dict[str, Any]:
    """The whole file as it is written."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def make_secrets(folder: Path) -> dict[str, str]:
    """The secrets that `make secrets` makes, in a folder of this name."""
    command = ["make", "--no-print-directory", "--file", str(ROOT / "Makefile"), "secrets"]
    subprocess.run(command, cwd=folder, check=True)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def _fill(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fill(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_fill(entry) for entry in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: match["rest"] if match["name"] else "$", value)
    return value
