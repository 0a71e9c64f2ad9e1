"""``kan-service settings | backup | restore``: for those who run the service."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.cli.support.errors import explained
from service.cli.support.output import AsJson, show
from service.db.backup import backup as backups
from service.settings import load_settings
from service.settings_report import tell


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (settings, backup, restore):
        app.command()(command)


def settings(as_json: AsJson = False) -> None:
    """Print every setting as it is, and what it means; passwords are masked."""
    with explained():
        told = tell(load_settings())
    document = {"settings": [asdict(setting) for setting in told]}
    show(document, as_json, lambda: typer.echo("\n".join(map(str, told))))


def backup(
    file: Annotated[Path, typer.Argument(help="Where to; there must be no such file yet.")],
    as_json: AsJson = False,
) -> None:
    """Write all that the service keeps to a file, while it goes on working."""
    with explained():
        revision = backups.back_up(load_settings(), file)
    size = file.stat().st_size
    told = f"wrote {file}: {size} bytes, revision {revision}"
    show({"file": str(file), "bytes": size, "revision": revision}, as_json, lambda: typer.echo(told))


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What backup has written.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what the database holds now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fill the database from a backup; stop the service first."""
    with explained():
        revision = backups.restore(load_settings(), file, force=force)
    told = f"restored {file}; the database is at revision {revision}"
    show({"file": str(file), "revision": revision}, as_json, lambda: typer.echo(told))
