"""``kan-service settings | backup | restore``: commands for operators."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.cli.support.errors import report_setup_errors
from service.cli.support.output import AsJson, print_result
from service.db.backup import backup as backups
from service.settings import load_settings
from service.settings_report import report_settings


def settings(as_json: AsJson = False) -> None:
    """Print every setting with its value and its meaning; passwords are masked."""
    with report_setup_errors():
        entries = report_settings(load_settings())
    document = {"settings": [asdict(setting) for setting in entries]}
    print_result(document, as_json, lambda: typer.echo("\n".join(map(str, entries))))


def backup(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    as_json: AsJson = False,
) -> None:
    """Write all data of the service to a file, while the service keeps running."""
    with report_setup_errors():
        revision = backups.back_up(load_settings(), file)
    size = file.stat().st_size
    text = f"wrote {file}: {size} bytes, revision {revision}"
    print_result({"file": str(file), "bytes": size, "revision": revision}, as_json, lambda: typer.echo(text))


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="File that backup has written.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the current content of the database.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fill the database from a backup; stop the service first."""
    with report_setup_errors():
        revision = backups.restore(load_settings(), file, force=force)
    text = f"restored {file}; the database is at revision {revision}"
    print_result({"file": str(file), "revision": revision}, as_json, lambda: typer.echo(text))
