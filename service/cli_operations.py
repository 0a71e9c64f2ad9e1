"""``kan-service settings``: for those who run the service."""

import typer

from service.cli_errors import explained
from service.settings import load_settings
from service.settings_report import tell


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(settings)


def settings() -> None:
    """Print every setting as it is, and what it means; passwords are masked."""
    with explained():
        for told in tell(load_settings()):
            typer.echo(str(told))
