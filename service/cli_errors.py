"""What every command does with what goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from service.db.backup_error import BackupError
from service.settings import InvalidSettings


@contextmanager
def explained() -> Iterator[None]:
    """What an operator can correct is said in one line."""
    try:
        yield
    except (InvalidSettings, BackupError) as error:
        typer.echo(f"kan-service: {error}", err=True)
        raise typer.Exit(2) from None
