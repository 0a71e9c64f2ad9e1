"""Errors of commands: a short message for people and an exit code for scripts."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import typer
from sqlalchemy.exc import OperationalError

from service.cli.support.output import print_message
from service.cli.support.wording import find_option, name_commands, translate
from service.client import ApiError, ClientError
from service.client.environment import KEY_VARIABLE
from service.db.backup.errors import BackupError
from service.settings import InvalidSettings

EXIT_FAILED, EXIT_WRONG_USE, EXIT_INTERRUPTED = 1, 2, 130


class UnusableInput(Exception):
    """An input of the command cannot be used; the message says why and what to do."""


@contextmanager
def report_setup_errors() -> Iterator[None]:
    """Report errors of settings, backup and database within the block, without a traceback."""
    try:
        yield
    except (InvalidSettings, BackupError) as error:
        raise report_failure(str(error), EXIT_WRONG_USE) from None
    except OperationalError:
        raise report_failure("the database cannot be used; 'kan-service doctor' shows why") from None


@contextmanager
def report_client_errors() -> Iterator[None]:
    """Report errors of the service, of input and of files within the block, without a traceback."""
    try:
        yield
    except ApiError as error:
        raise report_failure(translate(describe_refusal(error))) from None
    except UnusableInput as error:
        raise report_failure(name_commands(str(error))) from None
    except (ClientError, httpx.InvalidURL) as error:
        raise report_failure(translate(str(error))) from None
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        where = f": {error.filename}" if error.filename else ""
        raise report_failure(f"{error.strerror or error}{where}") from None


def report_failure(reason: str, code: int = EXIT_FAILED) -> typer.Exit:
    """Print the reason on standard error; return the exception to raise."""
    print_message(f"kan-service: {reason}")
    return typer.Exit(code)


def describe_refusal(error: ApiError, *, max_further: int = 2) -> str:
    """The message of the service, with the places of up to ``max_further`` mistakes after the first.

    The option with the mistake comes first, unless the message names its field.
    """
    pointer = str(next(iter(error.errors), {}).get("pointer", ""))
    option = find_option(pointer) if pointer not in error.detail else None
    is_named = option is None or option in translate(error.detail)
    lines = [error.detail if is_named else f"{option}: {error.detail}"]
    entries = [entry for entry in error.errors[1 : 1 + max_further] if entry.get("detail") != error.detail]
    lines += [f"  also {describe_place(entry)}{entry.get('detail')}" for entry in entries]
    if len(error.errors) > 1 + max_further:
        lines.append(f"  and {len(error.errors) - 1 - max_further} more")
    if error.status == httpx.codes.UNAUTHORIZED:
        lines.append("  give the key with --key, or in " + KEY_VARIABLE)
    return "\n".join(lines)


def describe_place(entry: Mapping[str, Any]) -> str:
    """The line, row, column or pointer of an entry, as far as its detail does not contain them."""
    detail = str(entry.get("detail"))
    words = [f"line {entry['line']}"] if "line" in entry else []
    words += [f"row {entry['row']}"] if "row" in entry and not words else []
    words += [f"column {entry['column']!r}"] if "column" in entry else []
    words = [word for word in words if word not in detail]
    pointer = str(entry.get("pointer", ""))
    name = pointer.rpartition("/")[2]
    words += [pointer] if name.isdecimal() or name not in detail else []
    return f"{', '.join(words)}: " if words else ""
