"""``kan-service settings | backup | restore``: for those who run the service."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli_errors import explained
from service.db import backup as backups
from service.settings import load_settings
from service.settings_report import tell


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (settings, backup, restore):
        app.command()(command)


def settings() -> None:
    """Print every setting as it is, and what it means; passwords are masked."""
    with explained():
        for told in tell(load_settings()):
            typer.echo(str(told))


def backup(file: Annotated[Path, typer.Argument(help="Where to; there must be no such file yet.")]) -> None:
    """Write all that the service keeps to a file, while it goes on working."""
    with explained():
        revision = backups.back_up(load_settings(), file)
    typer.echo(f"wrote {file}: {file.stat().st_size} bytes, revision {revision}")


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What backup has written.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what the database holds now.")] = False,
) -> None:
    """Fill the database from a backup; stop the service first."""
    with explained():
        revision = backups.restore(load_settings(), file, force=force)
    typer.echo(f"restored {file}; the database is at revision {revision}")
