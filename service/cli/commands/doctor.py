"""``kan-service doctor``: diagnose this machine."""

from collections.abc import Iterator

import typer

from service.cli.support import machine_checks, service_checks
from service.cli.support.errors import FAILED
from service.cli.support.findings import Finding
from service.cli.support.output import AsJson, show
from service.db.migrate import is_there

COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check whether this machine can run the service, and suggest remedies."""
    found: list[Finding] = []
    for finding in _look():
        found.append(finding)
        if not as_json:
            _tell(finding)
    is_well = all(finding.state != "broken" for finding in found)
    document = {"is_well": is_well, "findings": [finding.model_dump() for finding in found]}
    show(document, as_json, lambda: None)
    if not is_well:
        raise typer.Exit(FAILED)


def _look() -> Iterator[Finding]:
    """Run the checks in order; skip those that depend on something broken."""
    yield machine_checks.python()
    yield machine_checks.packages()
    yield machine_checks.torch()
    finding, settings = service_checks.settings()
    yield finding
    if settings is None:
        return
    yield machine_checks.data_folder(settings)
    yield machine_checks.port(settings)
    yield (database := service_checks.database(settings))
    yield service_checks.broker(settings)
    if database.state == "ok" and is_there(settings):
        yield service_checks.worker(settings)


def _tell(finding: Finding) -> None:
    state = typer.style(f"{finding.state:<8}", fg=COLOURS[finding.state], bold=True)
    typer.echo(f"{state}{finding.what}: {finding.fact}")
    if finding.remedy:
        typer.echo(f"{'':<8}→ {finding.remedy}")
